"""What an accelerator changes: whether models agree with the CPU's, how soon they are there, and how fast they are.

    nox -s gpu                               on the GPU, where there is one; a few minutes
    nox -s gpu -- --device cpu --models resnet18 raft_small

It needs no network: parameters are synthetic. Torchvision is measured beside the operators where it is installed. A
part that fails is named, and the others go on.
"""

import argparse
import copy
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from measure import print_table
from reference.agreement import difference, share_in_place
from reference.families import float_modules, one_of_each
from reference.records import build_as, inputs_of, prepare_, record_of, spread_scores_, tolerance
from zoo_core import get_model, get_model_entry, get_model_weights, list_models, save_model
from zoo_core.inference import optimize
from zoo_detection import ops

TYPES = (torch.float32, torch.bfloat16, torch.float16)
BATCHES = (1, 64)
FEW_PROPOSALS = {"rpn_post_nms_top_n_test": 50}
"""Synthetic scores are above the threshold for all classes."""
READY = ("resnet50", "vit_b_16", "fasterrcnn_resnet50_fpn")
SECONDS = 1.0
"""How long each forward pass is measured, about."""


def main(device: torch.device, models: Sequence[str]) -> list[str]:
    """Print the tables, and return what failed."""
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    failed: list[str] = []
    everything = [name for module in float_modules() for name in list_models(module)]
    chosen = list(models) or everything
    with named(failed, "agreement"):
        failed += agreement(device, chosen)
    with named(failed, "operators"):
        operators(device)
    with named(failed, "waiting"):
        failed += waiting(device)
    with named(failed, "ready"):
        ready(device, [name for name in READY if name in chosen] or chosen[:1])
    with named(failed, "forward"):
        speed(device, [name for name in (models or one_of_each()) if is_classifier(name)])
    return failed


@contextmanager
def named(failed: list[str], part: str) -> Iterator[None]:
    """Note that a part failed, and let the others go on."""
    started = time.perf_counter()
    try:
        yield
    except Exception as error:  # noqa: BLE001 # whatever it was, there is a table less
        failed.append(f"{part}: {type(error).__name__}: {error}")
    print(f"{part}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)


def agreement(device: torch.device, names: Sequence[str]) -> list[str]:
    """Print by how much outputs differ from the CPU's in single precision; return the models that are too far off."""
    rows, failed = [], []
    for name in names:
        found = apart(name, device)
        rows.append([name, *found.values()])
        print("  ", *rows[-1], file=sys.stderr, flush=True)
        if found["float32"].startswith(("no", "differs")):
            failed.append(f"{name}: {found['float32']}")
    header = ["model", *(str(each).removeprefix("torch.") for each in TYPES)]
    print_table(f"Outputs on {label(device)} against the CPU's in float32, in standard deviations", header, rows)
    return failed


@torch.inference_mode()
def apart(name: str, device: torch.device) -> dict[str, str]:
    """Return how far a model is on a device in each precision; of detectors, the share of the detections in place."""
    record = record_of("outputs", name, "none")
    limits = FEW_PROPOSALS if "rcnn" in name else {}
    network = spread_scores_(prepare_(build_as(name, "none", **record["kwargs"], **limits), record))
    inputs = inputs_of(record)
    expected, found = network(*inputs), {}
    for dtype in TYPES:
        try:
            there = copy.deepcopy(network).to(device, dtype)
            output = moved(there(*moved(inputs, device, dtype)), torch.device("cpu"), torch.float32)
        except Exception as error:  # noqa: BLE001 # the table says which
            found[name_of(dtype)] = f"no: {type(error).__name__}: {str(error)[:80]}"
            continue
        found[name_of(dtype)] = described(name, output, expected, dtype)
    return found


def described(name: str, output: Any, expected: Any, dtype: torch.dtype) -> str:
    """Write how far two outputs are from each other; too far in single precision is said."""
    if get_model_entry(name).task == "detection":
        share = share_in_place(output, expected, tolerance(name) if dtype is torch.float32 else 0.1)
        text, agrees = f"{share:.0%} in place", share >= 0.8
    else:
        largest = difference(output, expected)
        text, agrees = f"{largest:.0e}", largest <= tolerance(name)
    return text if agrees or dtype is not torch.float32 else f"differs: {text}"


def operators(device: torch.device, counts: Sequence[int] = (1000, 5000)) -> None:
    """Print what operators of detection take, beside torchvision's where that is installed."""
    libraries: dict[str, Any] = {"zoo": ops}
    if find_spec("torchvision") is not None:
        import torchvision

        libraries["torchvision"] = torchvision.ops
    rows = []
    for count in counts:
        for title, call in operator_calls(count, device).items():
            times = [median(partial(call, each), device) for each in libraries.values()]
            compared: list[object] = []
            if len(times) > 1:
                ours, theirs = (call(each) for each in libraries.values())
                compared = [f"{times[1] / times[0]:.2f}", torch.allclose(ours, theirs, atol=1e-4)]
            rows.append([f"{title}, {count} boxes", *(f"{each * 1e3:.2f} ms" for each in times), *compared])
    header = ["operator", *libraries, *(["torchvision : zoo", "same"] if len(libraries) > 1 else [])]
    print_table(f"Operators on {label(device)}", header, rows)


def operator_calls(count: int, device: torch.device) -> dict[str, Callable[[Any], Tensor]]:
    """Return calls of a library's operators on so many boxes of an image of 800 x 1088 pixels."""
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(2, 256, 100, 136, generator=generator).to(device)
    corners = torch.rand(count, 2, generator=generator) * 700
    boxes = torch.cat([corners, corners + 20 + torch.rand(count, 2, generator=generator) * 200], 1).to(device)
    scores, classes = torch.rand(count, generator=generator).to(device), torch.arange(count, device=device) % 80
    return {
        "nms": lambda library: library.nms(boxes, scores, 0.5),
        "batched_nms": lambda library: library.batched_nms(boxes, scores, classes, 0.5),
        "roi_align": lambda library: library.roi_align(features, [boxes[::2], boxes[1::2]], 7, 0.125, 2),
        "box_iou": lambda library: library.box_iou(boxes, boxes),
    }


def waiting(device: torch.device) -> list[str]:
    """Print which operators wait for the device; return those that do though they need not."""
    features = torch.rand(1, 16, 40, 40, device=device)
    boxes = torch.tensor([[1.0, 1.0, 9.0, 9.0], [2.0, 2.0, 20.0, 20.0]], device=device)
    calls: dict[str, tuple[Callable[[], object], bool]] = {
        "roi_align, sampling_ratio=2": (lambda: ops.roi_align(features, [boxes], 7, sampling_ratio=2), False),
        "box_iou": (lambda: ops.box_iou(boxes, boxes), False),
        "clip_boxes_to_image": (lambda: ops.clip_boxes_to_image(boxes, (40, 40)), False),
        "nms": (lambda: ops.nms(boxes, boxes[:, 0], 0.5), True),
    }
    rows, failed = [], []
    for name, (call, may_wait) in calls.items():
        found = waits(call, device)
        rows.append([name, "yes" if found else "no", "as the number of boxes kept is a result" if may_wait else ""])
        failed += [f"{name} waits for the device"] * (found and not may_wait)
    print_table(f"What waits for {label(device)}", ["operator", "waits", ""], rows)
    return failed


def waits(call: Callable[[], object], device: torch.device) -> bool:
    """Tell whether a call waits for the device; on the CPU nothing does."""
    call()
    if device.type != "cuda":
        return False
    torch.cuda.set_sync_debug_mode("error")
    try:
        call()
    except RuntimeError as error:
        if "synchroniz" not in str(error):
            raise
        return True
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return False


def ready(device: torch.device, names: Sequence[str]) -> None:
    """Print how long models take from their file to the device, against building them there and loading the file."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            options = {} if is_classifier(name) else {"weights_backbone": None}
            path = Path(folder) / name
            save_model(get_model(name, weights=None, **options), path)

            def ours(path: Path = path) -> object:
                return get_model(f"local-dir:{path}", progress=False).to(device)

            def plainly(name: str = name, path: Path = path, options: Mapping[str, Any] = options) -> object:
                from safetensors.torch import load_file

                network = get_model(name, weights=None, **options).to(device)
                return network.load_state_dict(load_file(path / "model.safetensors", device=str(device)))

            times = [median(each, device, seconds=4 * SECONDS) for each in (ours, plainly)]
            rows.append([name, *(f"{each * 1e3:.0f} ms" for each in times), f"{times[1] / times[0]:.1f}"])
    print_table(f"Ready on {label(device)}", ["model", "zoo", "built, then loaded", "times faster"], rows)


def speed(device: torch.device, names: Sequence[str], batches: Sequence[int] = BATCHES) -> None:
    """Print how long a forward pass takes: eager, optimised, and compiled."""
    rows = []
    for name in names:
        network = get_model(name, weights=None).eval().to(device)
        preset: Any = get_model_weights(name)["DEFAULT"].transforms()
        side = preset.crop_size[0]
        for batch in batches:
            images = torch.rand(batch, 3, side, side, device=device)
            rows.append([name, batch, *measured(network, images, device)])
            print("  ", *rows[-1], file=sys.stderr, flush=True)
    print_table(
        f"Forward on {label(device)}", ["model", "batch", "eager", "optimised", "compiled", "eager : optimised"], rows
    )


@torch.inference_mode()
def measured(network: nn.Module, images: Tensor, device: torch.device) -> list[str]:
    """Return the times of a network as it is, optimised and compiled, and how much faster the second is."""
    ways: list[Callable[[], Callable[[Tensor], object]]] = [
        lambda: network,
        lambda: optimize(copy.deepcopy(network), (images,)),
        lambda: torch.compile(copy.deepcopy(network)),
    ]
    found = []
    for way in ways:
        try:
            found.append(median(partial(way(), images), device))
        except Exception as error:  # noqa: BLE001 # a compiler may be missing: the table says so
            found.append(float("nan"))
            print(f"{type(network).__name__}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)
    return [*(f"{each * 1e3:.2f} ms" for each in found), f"{found[0] / found[1]:.2f}"]


def median(call: Callable[[], object], device: torch.device, seconds: float = SECONDS) -> float:
    """Return the median time of a call, in seconds."""
    call()
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        synchronize(device)
        started = time.perf_counter()
        call()
        synchronize(device)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def moved(value: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """Move all tensors of a structure, those of floating point to a type, too."""
    if isinstance(value, Tensor):
        return value.to(device, dtype if value.is_floating_point() else None)
    if isinstance(value, Mapping):
        return {key: moved(each, device, dtype) for key, each in value.items()}
    return type(value)(moved(each, device, dtype) for each in value)


def is_classifier(name: str) -> bool:
    """Tell whether a model takes a batch of images, whatever their number."""
    return get_model_entry(name).task == "classification"


def name_of(dtype: torch.dtype) -> str:
    """Return a type's name without torch's."""
    return str(dtype).removeprefix("torch.")


def label(device: torch.device) -> str:
    """Name a device for people."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--models", nargs="+", default=[])
    arguments = parser.parse_args()
    os.environ.setdefault("ZOO_OFFLINE", "1")
    if problems := main(torch.device(arguments.device), arguments.models):
        sys.exit("\n".join(["These failed:", *problems]))
