"""What a model costs: time, memory and size, measured in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from zoo_core import get_weight
from zoo_core.saved import parse_name
from zoo_evaluation._files import write_whole

NAME = "cost.json"
"""The file in a run's folder."""
MOST_SAMPLES = 32
"""How many samples latency is measured on, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a model costs. What is not known is `None`.

    Args:
        latency_ms: Of one sample alone, from the decoded file to the result, in milliseconds: the median.
        parameters: How many there are.
        file_bytes: Of the weights' file.
        peak_memory_bytes: The most that the process held at once; on a GPU, that the model and its data held there.
        threads: With which latency was measured.
        device: On which, with the processor's name if that is known.
    """

    latency_ms: float | None = None
    parameters: int | None = None
    file_bytes: int | None = None
    peak_memory_bytes: int | None = None
    threads: int | None = None
    device: str | None = None

    def write(self, folder: Path) -> None:
        """Write it beside the record of a run."""
        write_whole(folder / NAME, json.dumps(asdict(self), indent=2, sort_keys=True) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Read what `write` has written; `None` if nothing has been.

        Raises:
            ValueError: The file holds something else.
        """
        path = folder / NAME
        if not path.is_file():
            return None
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path} does not hold what a model costs ({error}): remove it.") from None

    @classmethod
    def of_entry(cls, weights: str) -> Self:
        """Return what the catalogue states of a weights entry: sizes; nothing of an entry that it does not have."""
        if parse_name(weights) is not None:  # asking for it could ask a Hub
            return cls()
        try:
            entry = get_weight(weights)
        except (ValueError, KeyError):
            return cls()
        return cls(parameters=entry.meta.get("num_params"), file_bytes=entry.file.size)


def measure_cost(
    model: str,
    inputs: Sequence[Sequence[Path]],
    *,
    weights: str = "DEFAULT",
    device: str = "cpu",
    optimized: bool = False,
    options: Mapping[str, Any] | None = None,
) -> Cost:
    """Measure a model in a process of its own, one sample at a time, while this one waits.

    Args:
        model: A registered model's name.
        inputs: Files of samples; the first 32 samples that can be read are taken, one of them several times if need be.
        weights: An entry of the model's.
        device: Where to run.
        optimized: Make the model faster first.
        options: Of the task's predictor.

    Raises:
        ValueError: Nothing could be measured; the text says why.
    """
    told = {
        "model": model,
        "weights": weights,
        "device": device,
        "optimized": optimized,
        "options": dict(options or {}),
        "inputs": [[str(path) for path in paths] for paths in inputs[:MOST_SAMPLES]],
    }
    process = subprocess.run(
        [sys.executable, "-m", "zoo_evaluation.compare._measure"],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        reason = (process.stderr.strip().splitlines() or ["no message"])[-1]
        raise ValueError(f"What {model} costs could not be measured: {reason}")
    return Cost(**json.loads(process.stdout.splitlines()[-1]))
