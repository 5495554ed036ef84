"""The figures of the gallery: which columns a task's table has, and what stands in them."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ._entries import Entry

UNITS = {
    "acc@1": "%",
    "acc@5": "%",
    "miou": "%",
    "pixel_acc": "%",
    "box_map": "%",
    "mask_map": "%",
    "kp_map": "%",
    "fl_all": "%",
    "epe": "px",
    "per_image_epe": "px",
}
"""The units of metrics."""


@dataclass(frozen=True)
class Column:
    """A column of figures.

    Args:
        key: What it is called in filters and in the address bar.
        title: What stands above it.
        unit: Of its figures, or empty.
        value: The figure of an entry, if it has one.
        decimals: How many are shown.
        less_is_better: Whether small figures are good.
        dataset: What a metric was measured on.
    """

    key: str
    title: str
    unit: str
    value: Callable[[Entry], float | None]
    decimals: int = 1
    less_is_better: bool = True
    dataset: str = ""

    @property
    def is_metric(self) -> bool:
        """Tell metrics from sizes."""
        return bool(self.dataset)

    def text(self, entry: Entry) -> str:
        """Return the figure of an entry as it is shown."""
        value = self.value(entry)
        return "-" if value is None else f"{value:,.{self.decimals}f}"


SIZES = (
    Column("params", "Parameters", "M", lambda entry: entry.meta["num_params"] / 1e6),
    Column("gflops", "GFLOPs", "", lambda entry: entry.meta.get("_ops"), decimals=2),
    Column("file", "File", "MiB", lambda entry: None if entry.num_bytes is None else entry.num_bytes / 2**20),
    Column("latency", "Time", "ms", lambda entry: entry.latency),
)
"""What every table has beside the metrics, and what can be the horizontal axis of the plot."""


def metric_columns(entries: Sequence[Entry]) -> list[Column]:
    """Return the columns for the metrics of a task's entries.

    Where each entry states its metrics on one data set, a metric is one column; entries that were measured on another
    data set than most have no figure in it, for they cannot be compared. Otherwise each data set has its own column.
    """
    pairs = Counter((name, metric) for entry in entries for name, of in entry.metrics.items() for metric in of)
    metrics = list(dict.fromkeys(metric for _, metric in pairs))
    several = any(len(entry.metrics) > 1 for entry in entries)
    columns = []
    for metric in metrics:
        datasets = [name for (name, other), _ in pairs.most_common() if other == metric]
        shown = datasets if several else datasets[:1]
        columns += [_metric_column(metric, dataset, entries, alone=not several) for dataset in shown]
    return columns


def _metric_column(metric: str, dataset: str, entries: Iterable[Entry], *, alone: bool) -> Column:
    return Column(
        key=metric if alone else f"{metric}:{dataset}",
        title=metric if alone else f"{metric}, {dataset}",
        unit=UNITS.get(metric, ""),
        value=lambda entry: entry.metrics.get(dataset, {}).get(metric),
        decimals=3 if UNITS.get(metric) != "px" else 4,
        less_is_better=any(metric in entry.errors for entry in entries),
        dataset=dataset,
    )


def elsewhere(entry: Entry, column: Column) -> tuple[str, float] | None:
    """Return the data set and the figure of an entry that was measured on another data set than a column is about."""
    if not column.is_metric or column.value(entry) is not None or ":" in column.key:
        return None
    found = ((name, of[column.key]) for name, of in entry.metrics.items() if column.key in of)
    return next(found, None)
