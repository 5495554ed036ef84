"""Raw results in a folder: rows of all inputs, a file for each where the task has one, and the task's document."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from zoo_core._weights import WeightsEnum
from zoo_core.files.store._paths import temporary_beside
from zoo_core.names import load_reference
from zoo_core.tasks import Task

from ._output_names import OutputNames
from ._pictures import place
from ._results import Prediction
from ._results_file import ResultsFile, rows_of
from ._sources import Source

ROWS_NAME = "predictions.jsonl"
"""The file of the rows, which a later run continues."""


@dataclass(frozen=True, slots=True)
class RawFolder:
    """Keeps what a model said, for programs: label maps as PNG, flow as `.flo`, detections as COCO has them.

    Every input has its row in `predictions.jsonl`; with `"raw"`, the path of its own file, where there is one.
    """

    folder: Path
    names: OutputNames
    results: ResultsFile

    @classmethod
    @contextmanager
    def open(
        cls, folder: Path, names: OutputNames, task: Task, weights: WeightsEnum, *, made_by: str, retry: bool
    ) -> Iterator[Self]:
        """Open a folder, to be continued; however the run ends, the task's document has the rows that there are.

        Raises:
            ValueError: The folder holds predictions that were made otherwise.
            OSError: It cannot be written.
        """
        rows = folder / ROWS_NAME
        name, function = task.raw_document or ("", "")
        document = folder / name if name else None
        with ResultsFile.open(rows, str(weights), made_by=made_by, retry=retry) as results:
            before = results.rows
            try:
                yield cls(folder, names, results)
            finally:
                if document is not None and (results.rows > before or not document.exists()):
                    _write_document(document, load_reference(function)(_Rows(rows), weights))

    def __contains__(self, source: Source) -> bool:
        return source in self.results

    def write(self, source: Source, prediction: Prediction, files: dict[str, str]) -> dict[str, str]:
        """Keep a prediction; return `files` and the path of its own, if it has one."""
        if prediction.raw_suffix is not None:
            files = {**files, "raw": str(self._save(self.names.of(source), prediction))}
        self.results.write(prediction, files)
        return files

    def _save(self, name: str, prediction: Prediction) -> Path:
        assert prediction.raw_suffix is not None
        path = self.folder / f"{name}{prediction.raw_suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f".zoo-{os.urandom(8).hex()}.tmp"
        try:
            prediction.write_raw(temporary)
            return place(temporary, path, prediction.source)
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of a file, gone through any number of times."""

    path: Path

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return rows_of(self.path)


def _write_document(path: Path, parts: Iterator[str]) -> None:
    """Write a text, which appears under its name when it is whole."""
    temporary = temporary_beside(path)
    try:
        with temporary.open("x", encoding="utf-8") as file:
            for part in parts:
                file.write(part)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
