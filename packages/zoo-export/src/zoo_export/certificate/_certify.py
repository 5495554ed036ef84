"""Runs an exported file beside the model."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import torch
from torch import Tensor

from zoo_core.files import sha256_of
from zoo_export._calibration import Pictures
from zoo_export._exported import Exported
from zoo_export._facts import own_version
from zoo_export._precision import INT8, LEAST_AGREEMENT
from zoo_export._program import Program, evaluating
from zoo_export._recording import lengths_in
from zoo_export.formats import get_format

from ._agreement import agreement
from ._cases import cases
from ._certificate import Certificate, Compared

ROUNDS = 5


def certify(
    program: Program, exported: Exported, *, tolerance: float | None = None, pictures: Pictures | None = None
) -> Certificate:
    """Compare an exported file with the model that it was made of, on at least 16 inputs.

    Args:
        program: What was exported.
        exported: The file, in its runtime.
        tolerance: The largest difference that is allowed; by default that of the program.
        pictures: What an int8 file is judged on. It is not its rounding on noise that counts.

    Returns:
        What was found; `holds` tells whether the file agrees.

    Example:
        >>> from zoo_core import get_model, get_weight
        >>> from zoo_export import certify, load_exported
        >>> from zoo_export.programs.classification import ClassificationProgram
        >>> weights = get_weight("ShuffleNet_V2_X0_5_Digits_Weights.DEFAULT")
        >>> program = ClassificationProgram(get_model("shufflenet_v2_x0_5_digits", weights=weights), weights)
        >>> len(certify(program, load_exported("digits.pt2")).inputs) >= 16
        True
    """
    lengths = lengths_in(program.inputs, exported.facts.inputs)
    is_int8 = exported.facts.precision == INT8
    inputs = pictures.cases(program, lengths) if pictures and pictures.judged else cases(program, lengths)
    allowed = program.allowed(tolerance)
    with evaluating(program.model):
        compared = [
            _judge(what, program, exported, each) if is_int8 else _compare(what, program, exported, each, allowed)
            for what, each in inputs
        ]
        latencies = _latencies(program, exported, lengths)
    files = get_format(exported.facts.format).files(exported.path)
    return Certificate(
        file=exported.path.name,
        sha256=sha256_of(exported.path),
        model=exported.facts.model,
        weights=exported.facts.weights,
        format=exported.facts.format,
        tolerance=allowed,
        inputs=tuple(compared),
        latency=latencies,
        bytes=sum(file.stat().st_size for file in files),
        versions={"torch": torch.__version__, "zoo-export": own_version(), **exported.facts.versions},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        least_agreement=LEAST_AGREEMENT if is_int8 else None,
    )


def _compare(what: str, program: Program, exported: Exported, inputs: Sequence[Tensor], allowed: float) -> Compared:
    return Compared(what, *program.compare(*_results(program, exported, inputs), allowed))


def _judge(what: str, program: Program, exported: Exported, inputs: Sequence[Tensor]) -> Compared:
    found, expected = map(program.named, _results(program, exported, inputs))
    share, difference = agreement(found, expected, exported.facts)
    return Compared(what, difference, share >= LEAST_AGREEMENT, share)


@torch.inference_mode()
def _results(
    program: Program, exported: Exported, inputs: Sequence[Tensor]
) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    """Return what the file and what the model gives."""
    found = [torch.from_numpy(np.array(value)) for value in exported(*(each.numpy() for each in inputs)).values()]
    return found, program.reference(inputs)


def _latencies(program: Program, exported: Exported, lengths: Mapping[str, int]) -> dict[str, float]:
    inputs = program.example(**{"batch": 1, "height": 256, "width": 256} | dict(lengths))
    arrays = [each.numpy() for each in inputs]
    with torch.inference_mode():
        eager, other = _timed(lambda: program.reference(inputs), lambda: exported(*arrays))
    return {"eager": eager, "exported": other}


def _timed(*calls: Callable[[], object]) -> list[float]:
    """Return the median of the seconds of each call, taken in turn."""
    for call in calls:
        call()
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for place, call in enumerate(calls):
            started = time.perf_counter()
            call()
            seconds[place].append(time.perf_counter() - started)
    return [statistics.median(each) for each in seconds]
