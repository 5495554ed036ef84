"""A bar with rate, time left, and the metric so far."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from ._evaluation import Evaluation

if TYPE_CHECKING:
    from ._run_folder import RunFolder
    from .datasets import Sample

_SHARE = 0.02
"""Of the time, at most, goes into the metric so far."""


class Progress:
    """Shows how far an evaluation is.

    Args:
        evaluation: Computes the metric so far.
        folder: Where larger things than rows are.
        total: How many samples this process has.
        done: How many of them had been predicted before.
        shown: Whether anything is shown, where stderr is a terminal.
    """

    def __init__(self, evaluation: Evaluation[Any], folder: "RunFolder", total: int, done: int, *, shown: bool) -> None:
        from tqdm import tqdm

        self._evaluation, self._folder = evaluation, folder
        self._samples, self._rows = list["Sample"](), list[Mapping[str, Any]]()
        self._bar = tqdm(total=total, initial=done, unit=" samples", disable=None if shown else True, leave=False)
        self._next = time.perf_counter() + 2.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def add(self, sample: "Sample", row: Mapping[str, Any]) -> None:
        """Count a sample."""
        self._bar.update()
        if self._bar.disable:
            return
        self._samples.append(sample)
        self._rows.append(row)
        if time.perf_counter() >= self._next:
            self._show()

    def _show(self) -> None:
        started = time.perf_counter()
        part = self._evaluation.part(self._samples)
        metric = part.measure(self._rows, self._folder.path).metrics[0]
        self._bar.set_postfix_str(f"{metric.name} {metric.value:.2f} so far")
        now = time.perf_counter()
        self._next = now + max(2.0, (now - started) / _SHARE)
