"""Exports every model to every format, and writes what the certificates say as the table of docs/export.md.

    nox -s export                                 the models that have no row yet, small ones first: hours
    nox -s export -- swin_t raft_small            these, whether they have a row or not
    nox -s export -- --seconds 600                so long for one model in all formats, instead of an hour
    nox -s export -- --anew                       drops all rows, which are of other versions, and begins again

Models whose weights are not on this machine get synthetic parameters, as their reference outputs; nothing is fetched.
Each has a process of its own, which may run out of time or memory alone. A row is written when it is done, so that a
run that was stopped goes on where it was.
"""

import argparse
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from classification.int8_networks import quantized, synthetic
from page_tables import PageTable
from reference.families import num_params
from reference.fill import calibrate_
from reference.records import build_as, prepare_, record_of, spread_scores_
from zoo_core import get_model, get_model_entry, get_model_weights, list_models, task_of
from zoo_core.errors import WeightsUnavailableError
from zoo_core.files import Settings, resolve
from zoo_export import certify, export
from zoo_export._export import program_class
from zoo_export._program import Program
from zoo_export.certificate._cases import cases
from zoo_export.formats import get_format

PAGE = Path(__file__).resolve().parent.parent / "docs" / "export.md"
FORMATS = ("pt2", "onnx", "openvino")
LIBRARIES = ("torch", "onnxruntime", "openvino")
"""Whose versions rows depend on."""
TABLE = PageTable(PAGE, "models")
LONGEST = 3600
"""Seconds for one model in all formats."""
SYNTHETIC = {"classification": 0.05, "video": 0.05, "quantization": 0.25}
"""The largest difference of probabilities that is allowed with synthetic parameters, by task."""
NOT_TRIED = "-"
SCORES = 3.0
"""The standard deviation of scores of classes."""
FEW_PROPOSALS = {"rpn_post_nms_top_n_test": 50}
"""Synthetic scores are above the threshold for all classes."""


def main(names: Sequence[str], *, seconds: float = LONGEST, anew: bool = False) -> None:
    """Try the models that are named, or those without a row, and write the table after each."""
    rows = {} if anew else read_rows()
    if rows and (then := read_versions()) != (now := _versions()):
        sys.exit(f"The table is of {then}, and here are {now}: `-- --anew` drops its rows and begins again.")
    everything = list_models()
    unknown = sorted(set(names) - set(everything))
    if unknown:
        sys.exit(f"There are no models {', '.join(unknown)}.")
    failed = []
    for name in sorted(names or [name for name in everything if name not in rows], key=num_params):
        started = time.monotonic()
        rows[name] = in_process(name, seconds)
        failed += [name] * any(cell.startswith("no") for cell in rows[name].values())
        print(f"{name}: {' | '.join(rows[name].values())} ({time.monotonic() - started:.0f} s)", flush=True)
        write_rows(rows)
    if failed:
        sys.exit(f"Not in all formats: {', '.join(failed)}")


def read_rows() -> dict[str, dict[str, str]]:
    """Return the cells of each model that the page has, by format."""
    formats = TABLE.columns()
    return {name: dict(zip(formats, cells, strict=True)) for name, cells in TABLE.rows().items()}


def read_versions() -> str:
    """Return what the page says that its rows were made with."""
    found = re.search(r"\d{4}-\d\d-\d\d, (.*), one thread\.", TABLE.text())
    return found[1] if found else "no versions"


def write_rows(rows: Mapping[str, Mapping[str, str]]) -> None:
    """Write the table, with what it says in all."""
    agree = (f"{form} {sum(row.get(form, '').startswith('yes') for row in rows.values())}" for form in FORMATS)
    above = (
        f"Models: {len(rows)}; of these agree: {', '.join(agree)}. "
        f"{datetime.now(UTC).date()}, {_versions()}, one thread."
    )
    cells = {name: [rows[name].get(form, NOT_TRIED) for form in FORMATS] for name in sorted(rows)}
    TABLE.write(("model", *FORMATS), cells, above)


def _versions() -> str:
    """Return the versions of what rows depend on, as far as it is here."""
    told = []
    for library in LIBRARIES:
        try:
            told.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            told.append(f"no {library}")
    return ", ".join(told)


def in_process(
    name: str,
    seconds: float,
    command: Sequence[str] = (sys.executable, __file__),
    formats: Sequence[str] = FORMATS,
) -> dict[str, str]:
    """Return the cell of each format, from a process that has so many seconds, and gives its memory back."""
    try:
        done = subprocess.run([*command, "--one", name], capture_output=True, text=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        found = _cells(error.stdout.decode() if isinstance(error.stdout, bytes) else "")
        reason = f"no: not done after {seconds:g} s"
    else:
        found = _cells(done.stdout)
        reason = f"no: the process ended with {done.returncode}"
        if done.returncode:
            print(done.stderr[-2000:], file=sys.stderr)
    return {form: found.get(form, reason) for form in formats}


def _cells(text: str) -> dict[str, str]:
    return dict(json.loads(line) for line in text.splitlines() if line.startswith("[") and line.endswith("]"))


def check(name: str, formats: Sequence[str] = FORMATS, side: int | None = None) -> None:
    """Export one model to each format, and print what was found.

    Args:
        name: The model's.
        formats: The formats' names.
        side: Height and width in pixels of files for inputs of one size.
    """
    warnings.simplefilter("ignore")  # converters' are about themselves
    network = network_of(name).eval()
    program = remembering(program_class(name)(network, get_model_weights(name)["DEFAULT"]))
    for form in formats:
        size = None if side is None or get_format(form).any_length else (side, side)
        print(json.dumps([form, _cell(name, network, program, form, size)]), flush=True)


def remembering(program: Program) -> Program:
    """Let a program remember what its model has given, for the next formats; asked twice running, it computes anew."""
    reference = program.reference
    known: dict[tuple[bytes, ...], tuple[Tensor, ...]] = {}
    last: tuple[bytes, ...] = ()

    def remembered(inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        nonlocal last
        key = tuple(str(each.shape).encode() + sha256(each.numpy().tobytes()).digest() for each in inputs)
        if key == last or key not in known:
            known[key] = reference(inputs)
        last = key
        return known[key]

    program.reference = remembered  # type: ignore[method-assign]
    return program


def network_of(name: str) -> nn.Module:
    """Return a model with its weights, or with synthetic parameters where they are not on this machine."""
    member = get_model_weights(name)["DEFAULT"]
    try:
        resolve(member.file, settings=replace(Settings.from_environment(), offline=True), progress=False)
        return get_model(name, weights=member, **task_of(name).arguments)
    except WeightsUnavailableError:
        torch.manual_seed(0)
        if get_model_entry(name).task == "quantization":
            floats = synthetic(name.removeprefix("quantized_"))
            images = images_of(name, floats)
            return quantized(name, with_scores_of_a_size_(floats, images), images)
        record = record_of("outputs", name, "none")
        limits = FEW_PROPOSALS if "rcnn" in name else {}
        network = prepare_(build_as(name, "none", **record["kwargs"], **limits), record)
        if get_model_entry(name).task == "detection":
            return spread_scores_(network)
        are_classes = get_model_entry(name).task in {"classification", "video"}
        return with_scores_of_a_size_(network, images_of(name, network)) if are_classes else network


def images_of(name: str, network: nn.Module) -> Tensor:
    """Return one of each input of a network of classes that the certificate is about, as the preprocessing makes it."""
    program = program_class(name)(network, get_model_weights(name)["DEFAULT"], raw=True)
    return torch.cat([inputs[0][:1] for _, inputs in cases(program)])


@torch.no_grad()
def with_scores_of_a_size_(network: nn.Module, images: Tensor) -> nn.Module:
    """Make what goes through a network with synthetic parameters as large as in trained ones.

    On images of kinds that its batch norms have not seen, scores are in the hundreds, and rounding decides on classes.
    """
    factor = SCORES / calibrate_(network, images)(images).std()
    for name in cast("Collection[str]", network.classifiers):
        for parameter in network.get_submodule(name).parameters():
            parameter.mul_(factor)
    return network


def tolerance_of(name: str) -> float | None:
    """Return by how much probabilities may differ: where resizing meets a tie, a pixel may be a level off.

    With synthetic parameters that is seen in the probabilities, and more so if each layer rounds to 8 bits.
    """
    return SYNTHETIC.get(get_model_entry(name).task)


def _cell(name: str, network: nn.Module, program: Program, form: str, size: tuple[int, int] | None) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{get_format(form).suffix}"
        try:
            exported = export(name, form, path, network=network, size=size, certificate=False)
            found = certify(program, exported, tolerance=tolerance_of(name))
        except Exception as error:  # noqa: BLE001 # whatever a converter or a runtime raises is what the table is about
            return "no: " + re.sub(r"[\s|]+", " ", str(error).replace(folder, ""))[:160]
    if found.holds:
        return f"yes, {found.difference:.0e}, {found.latency['eager'] / found.latency['exported']:.2f}"
    failing = [each for each in found.inputs if not found.agrees_on(each)]
    return (
        f"no: {len(failing)} of {len(found.inputs)} inputs differ, by up to {found.difference:.0e}; the first is "
        f"{failing[0].what}"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=float, default=LONGEST)
    parser.add_argument("--anew", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the process of a model is ended, too
    told = _arguments()
    if told.one:
        check(told.one)
    else:
        main(told.names, seconds=told.seconds, anew=told.anew)
