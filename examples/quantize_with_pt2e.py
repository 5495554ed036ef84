"""Quantize a model to int8 with pictures of one's own, by torchao's PT2E, where `torch.ao` is not needed.

pip install zoo-classification torchao
python examples/quantize_with_pt2e.py photos/ resnet50.int8.pt2 --model resnet50 [--compile]

Every fourth picture is kept apart, and the scores of both networks are compared on these. The file is a program of
PyTorch that takes what the preprocessing of the weights makes: integers are written as they are in int8 networks, with
quantizing and dequantizing around floats. `torch.compile` puts oneDNN's int8 kernels in their place; `--compile` times
that (a C++ compiler is needed).
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer.x86_inductor_quantizer import (
    X86InductorQuantizer,
    get_default_x86_inductor_quantization_config,
)

from zoo_core import get_model, get_model_weights
from zoo_core.images import image_suffixes, read_image

BATCH = 16


@torch.no_grad()
def quantize(network: nn.Module, batches: Sequence[Tensor]) -> ExportedProgram:
    """Return a network in int8, as a program for batches of any length.

    Args:
        network: In evaluation mode.
        batches: What the ranges of its activations are seen on, each float `(B, 3, H, W)`, the first with B > 1.
    """
    example = (batches[0][:2],)  # which the file holds, too
    shapes = ({0: Dim("batch")},)
    quantizer = X86InductorQuantizer().set_global(get_default_x86_inductor_quantization_config())
    prepared = prepare_pt2e(torch.export.export(network, example, dynamic_shapes=shapes).module(), quantizer)
    for images in batches:
        prepared(images)
    return torch.export.export(convert_pt2e(prepared), example, dynamic_shapes=shapes)


def read(paths: Iterable[Path], preprocess: Callable[[Image.Image], Tensor]) -> Tensor:
    """Return pictures as a batch."""
    return torch.stack([preprocess(read_image(path)) for path in paths])


@torch.no_grad()
def agreement(network: nn.Module, other: nn.Module, images: Tensor) -> float:
    """Return the share of the pictures that both give the same class."""
    return float((network(images).argmax(1) == other(images).argmax(1)).double().mean())


@torch.no_grad()
def seconds(call: Callable[[Tensor], object], images: Tensor, rounds: int = 10) -> float:
    """Return the median time of a call, the first two left out."""
    times = []
    for _ in range(rounds + 2):
        started = time.perf_counter()
        call(images)
        times.append(time.perf_counter() - started)
    return statistics.median(times[2:])


def main(folder: Path, output: Path, name: str, *, is_timed: bool) -> None:
    """Quantize, compare, and save."""
    weights = get_model_weights(name)["DEFAULT"]
    network = get_model(name, weights=weights).eval()
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in image_suffixes())
    kept, seen = paths[::4], [path for place, path in enumerate(paths) if place % 4]
    if len(seen) < 2:
        raise SystemExit(f"Expected at least 3 pictures in {folder}, found {len(paths)}.")
    preprocess = weights.transforms()
    batches = [read(seen[start : start + BATCH], preprocess) for start in range(0, len(seen), BATCH)]
    program = quantize(network, batches)
    images = read(kept, preprocess)
    print(f"{agreement(network, program.module(), images):.1%} of {len(kept)} pictures that were kept apart agree")
    torch.export.save(program, output)
    print(f"{output}: {output.stat().st_size / 2**20:.1f} MiB")
    if is_timed:
        from torch._inductor import config

        with config.patch(freezing=True):
            faster = seconds(torch.compile(network), images) / seconds(torch.compile(program.module()), images)
        print(f"compiled, it is {faster:.2f} times as fast as the float network, compiled")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--compile", action="store_true")
    told = parser.parse_args()
    main(told.folder, told.output, told.model, is_timed=told.compile)
