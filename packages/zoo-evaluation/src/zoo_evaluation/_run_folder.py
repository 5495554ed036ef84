"""The folder of an evaluation: rows of one or of several processes, in files that are continued."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo_core.prediction import Prediction, ResultsFile

from ._files import write_whole
from .datasets import Sample

_DESCRIPTION = "run.json"
_RECORD = "record.json"
_PATTERN = "predictions*.jsonl"
_WAIT = 0.2
"""Seconds between two looks at what other processes have written, at least."""
_PATIENCE = 3600.0
"""Seconds without a new row after which other processes are given up."""


@dataclass(frozen=True, slots=True)
class Row(Prediction):
    """What is kept of a prediction: `content`, beside the sample's name."""

    content: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the row as JSON takes it."""
        return {"source": self.source, **self.content}

    def summary(self) -> str:
        """Return the content."""
        return str(dict(self.content))


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where predictions are collected. Each process has a file of rows of its own; all of them count.

    Args:
        path: The folder.
        made_by: What decides the rows; those that were made otherwise are refused.
        weights: What the model has been loaded with.
        retry: Rows that hold an error do not count.
    """

    path: Path
    made_by: str
    weights: str
    retry: bool = False

    @property
    def record(self) -> Path:
        """Where the record goes."""
        return self.path / _RECORD

    def check(self) -> None:
        """Check that all rows were made as those of this run.

        Raises:
            ValueError: They were not.
        """
        for _ in self._all():
            pass

    def todo(self, samples: Iterable[Sample]) -> list[Sample]:
        """Return the samples that no process has written a row for."""
        known = {row["source"] for row in self._all() if not (self.retry and "error" in row)}
        return [sample for sample in samples if sample.name not in known]

    @contextmanager
    def writing(self, shard: tuple[int, int] | None) -> Iterator[ResultsFile]:
        """Open this process's file of rows, to go on.

        Raises:
            ValueError: Its rows were made otherwise.
            OSError: Another process writes it now.
        """
        name = "predictions.jsonl" if shard is None else f"predictions-{shard[0]}-of-{shard[1]}.jsonl"
        with ResultsFile.open(self.path / name, self.weights, made_by=self.made_by, retry=self.retry) as results:
            yield results

    def rows(self, samples: Sequence[Sample]) -> list[dict[str, Any]] | None:
        """Return the samples' rows, in order; `None` if some are not there yet.

        Raises:
            ValueError: Rows were made otherwise.
        """
        found = dict[str, dict[str, Any]]()
        for row in self._all():
            if "error" not in row or row["source"] not in found:
                found[row["source"]] = row
        return [found[sample.name] for sample in samples] if all(sample.name in found for sample in samples) else None

    def wait_for(self, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """Return the samples' rows, as soon as other processes have written theirs.

        Raises:
            TimeoutError: None of them writes any more.
        """
        started = changed = time.monotonic()
        missing = len(samples)
        while left := len(self.todo(samples)):
            now = time.monotonic()
            if left < missing:
                missing, changed = left, now
            if now - changed > _PATIENCE:
                raise TimeoutError(
                    f"{left} samples of other processes have not come to {self.path} for {_PATIENCE / 60:.0f} minutes: "
                    "look what has become of these; started again, they go on."
                )
            time.sleep(max(_WAIT, 5 * (now - started)))  # looking takes a sixth of the time at most
            started = time.monotonic()
        rows = self.rows(samples)
        assert rows is not None
        return rows

    def describe(self, facts: Mapping[str, Any]) -> None:
        """Write down what is run, so that numbers can be computed again without saying it."""
        write_whole(self.path / _DESCRIPTION, json.dumps(facts, indent=2, sort_keys=True) + "\n")

    def _all(self) -> Iterator[dict[str, Any]]:
        """Yield whole rows of all files. A line that another process has not finished is left out."""
        for path in sorted(self.path.glob(_PATTERN)):
            with path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    if line.endswith(b"\n"):
                        yield self._checked(path, number, line)

    def _checked(self, path: Path, number: int, line: bytes) -> dict[str, Any]:
        try:
            row: dict[str, Any] = json.loads(line)
            made_by, _ = row.get("made_by"), row["source"]
        except (ValueError, KeyError, AttributeError) as error:
            raise ValueError(
                f"{path}, line {number}, is no row of predictions ({error}): choose another folder."
            ) from None
        if made_by != self.made_by:
            raise ValueError(
                f"{path} holds rows that were made by {made_by}, and this run is {self.made_by}: "
                "choose another folder, or remove that one."
            )
        return row


def read_description(folder: Path) -> dict[str, Any]:
    """Return what `RunFolder.describe` has written.

    Raises:
        ValueError: There is nothing of the kind.
    """
    path = folder / _DESCRIPTION
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{folder} is not the folder of an evaluation: {path.name} cannot be read ({error})."
        ) from None
    return facts
