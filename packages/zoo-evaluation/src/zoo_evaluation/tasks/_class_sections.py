"""What a report shows of classes: what is most surely wrong, and how far probabilities can be trusted."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zoo_evaluation.datasets import ClassSample
from zoo_evaluation.metrics import expected_calibration_error, reliability
from zoo_evaluation.report import Chart, Column, Line, Picture, Pictures, Section, Table
from zoo_evaluation.report._defaults import SHOWN

BINS = 15


def most_wrong(
    samples: Iterable[ClassSample], rows: Iterable[Mapping[str, Any]], places: Iterable[int], names: Sequence[str]
) -> list[Section]:
    """Return the samples whose most probable class is wrong, the most probable first.

    Args:
        samples: All of them.
        rows: Of each, as `ClassificationEvaluation.row` has them.
        places: Of each one's true class among the model's.
        names: Of the model's classes.
    """
    known = [each for each in zip(samples, rows, places, strict=True) if each[1].get("top")]
    wrong = [each for each in known if each[1]["top"][0] != each[2]]
    if not wrong:
        return []
    wrong.sort(key=lambda each: -each[1]["scores"][0])
    pictures = [
        Picture(
            name=sample.name,
            path=sample.paths[0],
            lines=[f"is {names[place]}", f"taken for {names[row['top'][0]]}, {100 * row['scores'][0]:.1f} %"],
        )
        for sample, row, place in wrong[:SHOWN]
    ]
    text = f"{len(wrong)} of {len(known)} samples are taken for another class; these most surely."
    return [Section(title="Most wrong", text=text, blocks=[Pictures(pictures=pictures)])]


def calibration(confidences: Sequence[float], right: Sequence[bool]) -> list[Section]:
    """Return a reliability diagram with the expected calibration error.

    Args:
        confidences: The greatest probability of each sample that could be read, in [0, 1].
        right: Whether that class is the right one.
    """
    if not confidences:
        return []
    bins = [each for each in reliability(confidences, right, BINS) if each.count]
    error = expected_calibration_error(confidences, right, BINS)
    chart = Chart(
        x_label="probability stated, %",
        y_label="right, %",
        x_range=(0, 100),
        y_range=(0, 100),
        columns=[Column(start=100 * each.low, end=100 * each.high, height=100 * each.accuracy) for each in bins],
        lines=[Line(name="as stated", points=[(0, 0), (100, 100)], dashed=True)],
    )
    rows = [(f"{100 * each.low:.0f} to {100 * each.high:.0f} %", each.count, 100 * each.confidence, 100 * each.accuracy)
            for each in bins]  # fmt: skip
    table = Table(header=["stated", "samples", "mean, %", "right, %"], rows=rows)
    text = (
        f"Expected calibration error {error:.2f} %, over {BINS} ranges. Columns below the line: "
        "the model is surer than it is right."
    )
    return [Section(title="Reliability", text=text, blocks=[chart, table])]
