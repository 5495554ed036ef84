"""Sections that several tasks share."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoo_core.names import Later

from ._blocks import Bars, Block, Matrix, Picture, Pictures, Section, Table
from ._html import number_text

if TYPE_CHECKING:
    import numpy as np
    from numpy import typing as npt

    from zoo_evaluation.datasets import Sample
else:
    np, npt = Later("numpy"), Later("numpy.typing")

MOST_CLASSES = 24
"""Up to that many classes are shown as a matrix."""
SHOWN = 24
"""How many of the worst are shown."""
ERRORS = frozenset({"epe", "per_image_epe", "fl_all"})
"""Metrics that are better when they are smaller."""
COUNTS = frozenset({"count", "pixels"})
"""What figures of a class stand beside numbers of how good it is."""


def confusion_sections(names: Sequence[str], matrix: "npt.NDArray[np.int64]") -> list[Section]:
    """Return a confusion matrix of the classes that occur, and the pairs that are confused most often.

    Args:
        names: Of the classes.
        matrix: Counts `(C, C)`, a row for each true class.
    """
    import numpy as np

    occurring = np.flatnonzero(matrix.any(axis=0) | matrix.any(axis=1))
    blocks = list[Block]()
    if len(occurring) <= MOST_CLASSES:
        counts = matrix[np.ix_(occurring, occurring)].tolist()
        blocks.append(Matrix(names=[names[place] for place in occurring.tolist()], counts=counts))
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:SHOWN]
    pairs = [divmod(int(place), len(names)) for place in order if wrong.flat[place]]
    totals = matrix.sum(axis=1)
    rows = [
        (names[true], names[taken], int(wrong[true, taken]), 100 * float(wrong[true, taken] / totals[true]))
        for true, taken in pairs
    ]
    if rows:
        blocks.append(Table(header=["true", "predicted", "count", "% of the class"], rows=rows))
    text = "Confused most often come first." if rows else "No class was taken for another one."
    return [Section(title="Confused classes", text=text, blocks=blocks)]


def worst_sections(
    samples: Iterable["Sample"], rows: Sequence[Mapping[str, Any]], metrics: Sequence[str]
) -> list[Section]:
    """Return the samples whose own number is the worst, where rows hold one by the name of a metric."""
    found = [name for name in ("epe", *metrics) if any(isinstance(row.get(name), (int, float)) for row in rows)]
    if not found:
        return []
    name = found[0]
    known = [(sample, row[name]) for sample, row in zip(samples, rows, strict=True) if row.get(name) is not None]
    known.sort(key=lambda each: each[1], reverse=name in ERRORS)
    pictures = [
        Picture(name=sample.name, path=sample.paths[0], lines=[f"{name} {number_text(value)}"])
        for sample, value in known[:SHOWN]
    ]
    return [Section(title="The worst samples", text=f"By their own {name}.", blocks=[Pictures(pictures=pictures)])]


def class_sections(per_class: Mapping[str, Mapping[str, float]], metrics: Iterable[str]) -> list[Section]:
    """Return the worst classes as bars, and all of them as a table."""
    keys = list(dict.fromkeys(key for numbers in per_class.values() for key in numbers))
    name = next((key for key in (*metrics, *keys) if key in keys and key not in COUNTS), None)
    if name is None:
        return []
    values = {each: numbers[name] for each, numbers in per_class.items() if not math.isnan(numbers.get(name, math.nan))}
    worst = sorted(values.items(), key=lambda each: each[1], reverse=name in ERRORS)[:SHOWN]
    rows = [[each, *(numbers.get(key) for key in keys)] for each, numbers in per_class.items()]
    table = Table(header=["class", *keys], rows=rows, folded=len(rows) > SHOWN)
    maximum = max(values.values(), default=0.0) if name in ERRORS else 100.0
    text = f"{name}, the worst first."
    return [Section(title="Classes", text=text, blocks=[Bars(rows=worst, maximum=maximum), table])]
