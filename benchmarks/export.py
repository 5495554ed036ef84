"""How long exported files take for one picture in their own runtimes, against the model in eager PyTorch, on this CPU.

    nox -s bench -- export [MODEL...]

One model of each family, with synthetic parameters. Preprocessing and results are part of both sides, which see the
same uint8 pictures, turn by turn, with as many threads. The last line has the geometric mean of each runtime.
"""

import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from export_networks import OPTIONS, network_of, program_of
from measure import in_turn, milliseconds, print_table, ratio
from reference.families import one_of_each
from zoo_core import task_of
from zoo_export import CertificateError, ExportError, Program, export
from zoo_export.formats import get_format

RUNTIMES = {"onnx": "ONNX Runtime", "openvino": "OpenVINO"}
SIZES = {"video": (256, 340), "optical_flow": (368, 496)}
"""Height and width of pictures, of other tasks than those with ordinary ones."""
ORDINARY = (480, 640)
SECONDS = 1.5
"""How long to measure each of the two, about."""


def main(names: list[str]) -> None:
    warnings.simplefilter("ignore")  # converters' are about themselves
    rows: list[tuple[str, ...]] = []
    ratios: dict[str, list[float]] = {form: [] for form in RUNTIMES}
    for name in names:
        torch.manual_seed(0)
        program = program_of(name, network_of(name))
        cells: list[str] = []
        differences: list[float] = []
        for form in RUNTIMES:
            try:
                times, difference = compare(name, program, form)
            except (CertificateError, ExportError) as error:
                print(f"{name}, {form}: {error}", file=sys.stderr)
                cells += ["-", "-", "-"]
                continue
            ratios[form].append(ratio(times[1], times[0]))
            cells += [*map(milliseconds, times), f"{ratios[form][-1]:.2f}"]
            differences.append(difference)
        rows.append((name, *cells, f"{max(differences):.0e}" if differences else "-"))
        print("  ", *rows[-1], file=sys.stderr)
    means = [f"{statistics.geometric_mean(found):.2f}" if found else "-" for found in ratios.values()]
    rows.append(("geometric mean", *(cell for mean in means for cell in ("", "", mean)), ""))
    columns = (each for runtime in RUNTIMES.values() for each in ("eager", runtime, f"eager : {runtime}"))
    print_table("Exported, one picture, with preprocessing and results", ("model", *columns, "difference"), rows)


@torch.inference_mode()
def compare(name: str, program: Program, form: str) -> tuple[list[list[float]], float]:
    """Return the times of the model and of its file, in turn, and by how much their results differ."""
    height, width = SIZES.get(task_of(name).name, ORDINARY)
    inputs = program.example(batch=1, height=height, width=width)
    arrays = [each.numpy() for each in inputs]
    with tempfile.TemporaryDirectory() as folder:
        with torch.inference_mode(mode=False):
            path = Path(folder) / f"model{get_format(form).suffix}"
            exported = export(name, form, path, network=program.model, certificate=False, **OPTIONS.get(name, {}))
        calls = [timed(lambda: program.reference(inputs)), timed(lambda: exported(*arrays))]
        found = [torch.from_numpy(np.array(each)) for each in exported(*arrays).values()]
        difference, _ = program.compare(found, program.reference(inputs))
        rounds = max(5, min(60, int(SECONDS / calls[0]())))
        return in_turn(calls, rounds), difference


def timed(call: Callable[[], object]) -> Callable[[], float]:
    """Return a function that measures one call."""

    def run() -> float:
        started = time.perf_counter()
        call()
        return time.perf_counter() - started

    return run


if __name__ == "__main__":
    main(sys.argv[1:] or one_of_each())
