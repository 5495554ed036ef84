"""Prints for every float network whether its ONNX file, of any batch, agrees with it in ONNX Runtime.

    nox -s onnx_table                         all networks: hours
    nox -s onnx_table -- swin_t raft_small    these

Networks have synthetic parameters, and the inputs that their reference outputs are of; they are exported with two, and
tried with one and three. Detectors are exported for one image of any size, as docs/export.md says, and what counts is
the share of their detections that is found again. Each network has a process of its own, for the memory.
"""

import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from reference.agreement import difference, leaves
from reference.families import float_modules, one_of_each
from reference.records import build_as, inputs_of, prepare_, record_of, spread_scores_, tolerance
from zoo_core import list_models

FEW_PROPOSALS = {"rpn_post_nms_top_n_test": 50}
"""Synthetic scores are above the threshold for all classes: ONNX Runtime would compare all pairs of 90,000 boxes."""
FOUND = 0.9
"""Smallest share of detections."""


def main() -> None:
    """Try the networks that are named, or all, and print a row of each."""
    everything = [*one_of_each(), *(name for module in float_modules() for name in list_models(module))]
    names = sys.argv[1:] or list(dict.fromkeys(everything))
    print("| network | result | seconds |\n|---|---|---|", flush=True)
    failed = []
    for name in names:
        started = monotonic()
        command = [sys.executable, __file__, "--one", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        result = (done.stdout.strip() or done.stderr.strip()).rpartition("\n")[2]
        failed += [name] * (done.returncode != 0)
        mark = "" if done.returncode == 0 else f"FAILED with {done.returncode}: "
        print(f"| {name} | {mark}{result} | {monotonic() - started:.0f} |", flush=True)
    print(f"\n{len(names) - len(failed)} of {len(names)} agree")
    if failed:
        sys.exit(f"These do not: {', '.join(failed)}")


def check(name: str) -> None:
    """Export one network, run it, and print what was found; exit with 1 if it is another."""
    warnings.simplefilter("ignore")  # the converter's are about itself
    record = record_of("outputs", name, "none")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        agrees, result = (_detector if "images" in record["input"] else _network)(name, record, path)
    print(result)
    sys.exit(0 if agrees else 1)


def _network(name: str, record: dict[str, Any], path: Path) -> tuple[bool, str]:
    network = prepare_(build_as(name, "none", **record["kwargs"]), record)
    two = tuple(torch.cat([images, images.flip(-1)])[:2] for images in inputs_of(record))
    session = _exported(network, two, path)
    worst = 0.0
    for inputs in (tuple(x[:1] for x in two), tuple(torch.cat([x, x[:1].flip(-2)]) for x in two)):
        with torch.inference_mode():
            expected = [tensor for _, tensor in leaves(network(*inputs))]
        worst = max(worst, difference(_run(session, inputs), expected))
    given = ", ".join(f"{x.name} {x.shape}" for x in session.get_inputs())
    return worst <= tolerance(name), f"{given}: differs by {worst:.1e} of {tolerance(name):.1e} deviations"


def _exported(network: nn.Module, inputs: tuple[Tensor, ...], path: Path) -> Any:  # onnxruntime is not typed
    program = torch.onnx.export(
        network, inputs, dynamo=True, verbose=False, dynamic_shapes=tuple({0: Dim.DYNAMIC} for _ in inputs)
    )
    return _session(program, path)


def _session(program: torch.onnx.ONNXProgram | None, path: Path) -> Any:
    import onnxruntime

    assert program is not None
    program.save(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(path, options)


def _run(session: Any, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    named = {given.name: x.numpy() for given, x in zip(session.get_inputs(), inputs, strict=True)}
    return [torch.from_numpy(result) for result in session.run(None, named)]


def _detector(name: str, record: dict[str, Any], path: Path) -> tuple[bool, str]:
    from detection.test_export import SIZES, exported
    from detection.test_onnx import share_found

    torch.manual_seed(0)
    limits = FEW_PROPOSALS if "rcnn" in name else {}
    model = spread_scores_(prepare_(build_as(name, "none", **record["kwargs"], **limits), record))
    session = _session(torch.onnx.export(exported(model), dynamo=True, verbose=False), path)
    shares = []
    for size in SIZES:
        image = torch.rand(3, *size)
        with torch.inference_mode():
            (expected,) = model([image])
        found = dict(zip(expected, _run(session, (image,)), strict=True))
        shares.append(share_found(found, expected) if len(expected["scores"]) else 0.0)
    return min(shares) >= FOUND, f"one image of any size: {min(shares):.0%} of the detections found"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        check(sys.argv[2])
    else:
        main()
