"""Exports a model of each family by AOTInductor and for ExecuTorch, and the digits' model in int8, for docs/export.md.

    python tests/export_compiled_check.py               the families that have no row yet, and int8: hours
    python tests/export_compiled_check.py swin_t        this model, whether it has a row or not
    python tests/export_compiled_check.py --int8        int8 alone: minutes

What the certificates say is written as two tables, a row when it is done: a run that was stopped goes on where it was.
Models whose weights are not on this machine get synthetic parameters.
"""

import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from export_table_check import LONGEST, PAGE, check, in_process
from page_tables import PageTable
from reference.families import one_of_each
from zoo_core import get_model_weights, get_weight
from zoo_digits.held_out import load_split
from zoo_evaluation import evaluate
from zoo_export import Certificate, export
from zoo_export.certificate import certificate_path
from zoo_export.formats import FORMATS, Format, get_format

TABLE = PageTable(PAGE, "compiled")
COMPILED = ("aoti", "executorch")
SIDE = 256
"""Height and width in pixels of what files of one size take."""
DIGITS = "shufflenet_v2_x0_5_digits"


def main(*names: str) -> None:
    """Try the models that are named, or those without a row and int8."""
    families = one_of_each()
    unknown = sorted(set(names) - set(families))
    if unknown:
        sys.exit(f"Expected models that stand for a family, {', '.join(families)}; found {', '.join(unknown)}.")
    rows = TABLE.rows()
    todo = [name for name in families if name not in rows]
    for name in sorted(names or todo, key=lambda name: get_model_weights(name)["DEFAULT"].meta["num_params"]):
        started = time.monotonic()
        rows[name] = list(in_process(name, LONGEST, (sys.executable, __file__), COMPILED).values())
        print(f"{name}: {' | '.join(rows[name])} ({time.monotonic() - started:.0f} s)", flush=True)
        TABLE.write(("model", *COMPILED), rows, versions())
    if not names:
        write_int8()


def write_int8() -> None:
    """Export the digits' model to each format that can be quantized, in float32 and in int8, and measure both."""
    rows = {}
    with tempfile.TemporaryDirectory() as scratch:
        pictures = Path(scratch) / "digits"
        names = get_weight("ShuffleNet_V2_X0_5_Digits_Weights.DEFAULT").meta["categories"]
        _, held_out = load_split()
        for number, (image, label) in enumerate(zip(held_out.images, held_out.labels, strict=True)):
            (pictures / names[label]).mkdir(parents=True, exist_ok=True)
            image.save(pictures / names[label] / f"{number}.png")
        for form in map(get_format, FORMATS):
            for precision in ("float32", "int8") if form.quantizer else ():
                rows[f"{form.name}, {precision}"] = _measured(form, precision, pictures, Path(scratch))
                print(rows, flush=True)
    columns = ("format", "MiB", "labels as the model's", "difference", "acc@1")
    PageTable(PAGE, "int8").write(columns, rows, versions())


def _measured(form: Format, precision: str, pictures: Path, folder: Path) -> list[str]:
    path = folder / f"{precision}{form.suffix}"
    size = None if form.any_length else (64, 64)
    calibration = pictures if precision == "int8" else None
    export(DIGITS, form.name, path, precision=precision, calibration=calibration, size=size)
    found = Certificate.read(certificate_path(path))
    record = evaluate(str(path), pictures, output=folder / f"{form.name}-{precision}")
    return [
        f"{found.bytes / 2**20:.2f}",
        f"{found.agreement:.1%}",
        f"{found.difference:.0e}",
        f"{record['acc@1']:.1f}",
    ]


def versions() -> str:
    """Return the date and the versions that a table is of."""
    modules = ("torch", "executorch", "onnxruntime", "openvino", "nncf")
    return f"{datetime.now(UTC).date()}, {', '.join(f'{module} {version(module)}' for module in modules)}."


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        check(sys.argv[2], COMPILED, SIDE)
    elif sys.argv[1:] == ["--int8"]:
        write_int8()
    else:
        main(*sys.argv[1:])
