"""Exports every model to every format, and writes what the certificates say as the table of docs/export.md.

    nox -s export                                 the models that have no row yet, small ones first: hours
    nox -s export -- swin_t raft_small            these, whether they have a row or not
    nox -s export -- --seconds 600                so long for one model in all formats, instead of an hour
    nox -s export -- --anew                       drops all rows, which are of other versions, and begins again
    nox -s export -- --check squeezenet1_1        tries these with the versions that are here, and writes nothing

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
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from torch import Tensor, nn

from export_networks import OPTIONS, entry_of, network_of, program_of, tolerance_of
from page_tables import PageTable
from reference.families import num_params
from zoo_core import list_models
from zoo_export import certify, export
from zoo_export._program import Program
from zoo_export.formats import get_format

PAGE = Path(__file__).resolve().parent.parent / "docs" / "export.md"
FORMATS = ("pt2", "onnx", "openvino")
LIBRARIES = ("torch", "onnxruntime", "openvino")
"""Whose versions rows depend on."""
TABLE = PageTable(PAGE, "models")
LONGEST = 3600
"""Seconds for one model in all formats."""
NOT_TRIED = "-"


def main(names: Sequence[str], *, seconds: float = LONGEST, anew: bool = False, writes: bool = True) -> None:
    """Try the models that are named, or those without a row, and write the table after each."""
    rows = {} if anew else read_rows()
    if rows and writes and (then := read_versions()) != (now := _versions()):
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
        if writes:
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
    left = [name for name in list_models() if name not in rows]
    above = (
        f"Models: {len(rows)}; of these agree: {', '.join(agree)}. "
        f"{datetime.now(UTC).date()}, {_versions()}, one thread."
    )
    above += f" Not tried yet: {', '.join(left)}." if left else ""
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
    network = network_of(name)
    program = remembering(program_of(name, network))
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


def _cell(name: str, network: nn.Module, program: Program, form: str, size: tuple[int, int] | None) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{get_format(form).suffix}"
        try:
            options = OPTIONS.get(name, {}) | {"weights": entry_of(name)}
            exported = export(name, form, path, network=network, size=size, certificate=False, **options)
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
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the process of a model is ended, too
    told = _arguments()
    if told.one:
        check(told.one)
    else:
        main(told.names, seconds=told.seconds, anew=told.anew, writes=not told.check)
