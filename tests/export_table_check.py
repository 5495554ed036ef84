"""Exports every model to every format, and writes what the certificates say as the table of docs/export.md.

    nox -s export                            the models that have no row yet: hours
    nox -s export -- swin_t raft_small       these, whether they have a row or not

Models whose weights are not on this machine get synthetic parameters, as their reference outputs. Each has a process of
its own, for the memory; its row is written when it is done, so that a run that was stopped goes on where it was.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
import warnings
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch
from torch import nn

from reference.families import one_of_each
from reference.records import build_as, prepare_, record_of, spread_scores_
from zoo_core import get_model, get_model_entry, get_model_weights, list_models, task_of
from zoo_core.errors import WeightsUnavailableError
from zoo_core.files import resolve
from zoo_export import Certificate, export
from zoo_export.certificate import certificate_path
from zoo_export.formats import get_format

PAGE = Path(__file__).resolve().parent.parent / "docs" / "export.md"
FORMATS = ("pt2", "onnx", "openvino")
TABLE = re.compile(r"(<!-- table: [^\n]* -->\n).*?(<!-- end of the table -->)", re.DOTALL)
LONGEST = 3600
"""Seconds for one model in all formats."""
FEW_PROPOSALS = {"rpn_post_nms_top_n_test": 50}
"""Synthetic scores are above the threshold for all classes."""


def main(*names: str) -> None:
    """Try the models that are named, or those without a row, and write the table after each."""
    rows = read_rows()
    everything = [name for name in list_models() if not name.startswith("quantized_")]
    unknown = sorted(set(names) - set(everything))
    if unknown:
        sys.exit(f"There are no models {', '.join(unknown)}.")
    order = {name: place for place, name in enumerate(dict.fromkeys([*one_of_each(), *everything]))}
    failed = []
    for name in sorted(names or [name for name in everything if name not in rows], key=order.__getitem__):
        started = time.monotonic()
        cells = _in_process(name)
        rows[name] = [cells.get(form, "no: the process ended") for form in FORMATS]
        failed += [name] * any(cell.startswith("no") for cell in rows[name])
        print(f"{name}: {' | '.join(rows[name])} ({time.monotonic() - started:.0f} s)", flush=True)
        write_rows(rows)
    if failed:
        sys.exit(f"Not in all formats: {', '.join(failed)}")


def read_rows() -> dict[str, list[str]]:
    """Return the cells of each model that the page has."""
    found = TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None, "docs/export.md has lost its table"
    lines = [re.split(r" *\| *", line.strip("| ")) for line in found[0].splitlines() if line.startswith("| ")]
    return {name: cells for name, *cells in lines if name != "model"}


def write_rows(rows: dict[str, list[str]]) -> None:
    """Write the table, with what it says in all."""
    ways = [
        f"{form} {sum(row[place].startswith('yes') for row in rows.values())}" for place, form in enumerate(FORMATS)
    ]
    versions = ", ".join(f"{module} {version(module)}" for module in ("torch", "onnxruntime", "openvino"))
    lines = [
        f"Models: {len(rows)}; of these agree: {', '.join(ways)}. {datetime.now(UTC).date()}, {versions}, one thread.",
        "",
        f"| model | {' | '.join(FORMATS)} |",
        "|---|---|---|---|",
        *(f"| {name} | {' | '.join(rows[name])} |" for name in sorted(rows)),
    ]
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(TABLE.sub(lambda found: f"{found[1]}{chr(10).join(lines)}\n{found[2]}", text), encoding="utf-8")


def _in_process(name: str) -> dict[str, str]:
    """Return the cell of each format."""
    command = [sys.executable, __file__, "--one", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST)
    except subprocess.TimeoutExpired as error:
        return _cells(error.stdout.decode() if isinstance(error.stdout, bytes) else "")
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
    return _cells(done.stdout)


def _cells(text: str) -> dict[str, str]:
    return dict(json.loads(line) for line in text.splitlines() if line.startswith("["))


def check(name: str) -> None:
    """Export one model to each format, and print what was found."""
    warnings.simplefilter("ignore")  # converters' are about themselves
    network = network_of(name)
    for form in FORMATS:
        print(json.dumps([form, _cell(name, network, form)]), flush=True)


def network_of(name: str) -> nn.Module:
    """Return a model with its weights, or with synthetic parameters where they are not on this machine."""
    member = get_model_weights(name)["DEFAULT"]
    try:
        resolve(member.file, progress=False)
        return get_model(name, weights=member, **task_of(name).arguments)
    except WeightsUnavailableError:
        torch.manual_seed(0)
        record = record_of("outputs", name, "none")
        limits = FEW_PROPOSALS if "rcnn" in name else {}
        network = prepare_(build_as(name, "none", **record["kwargs"], **limits), record)
        return spread_scores_(network) if get_model_entry(name).task == "detection" else network


def _cell(name: str, network: nn.Module, form: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{get_format(form).suffix}"
        try:
            export(name, form, path, network=network)
        except Exception as error:  # noqa: BLE001 # whatever a converter raises is what the table is about
            return "no: " + re.sub(r"[\s|]+", " ", str(error).replace(folder, ""))[:160]
        found = Certificate.read(certificate_path(path))
    return f"yes, {found.difference:.0e}, {found.latency['eager'] / found.latency['exported']:.2f}"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        check(sys.argv[2])
    else:
        main(*sys.argv[1:])
