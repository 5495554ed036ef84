"""A run as one page: how losses and metrics went, what the model says of samples it has not seen, and all numbers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from torch import nn

from zoo_core import task_of
from zoo_core.prediction import Failure, Prediction, Predictor
from zoo_evaluation.datasets.split_names import TRAINING
from zoo_evaluation.report import Chart, Line, Picture, Pictures, Section, Table, page

from ._files import write_whole
from ._prepare import Prepared

PAGE = "report.html"
MOST = 24
"""Pictures of predictions."""
_LONGEST = 640
"""Pixels of a picture's longer side in which predictions are drawn."""


def write_page(
    folder: Path,
    prepared: Prepared,
    network: nn.Module,
    rows: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, float],
    notes: Sequence[str],
) -> Path:
    """Write the page of a run into its folder; return its path.

    Args:
        folder: The run's.
        prepared: What was trained.
        network: What came out of it, in evaluation mode, on the CPU.
        rows: The journal.
        metrics: Of the network.
        notes: What was noticed in the data.
    """
    told = ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())
    train, held_out = prepared.training.dataset, prepared.held_out
    sections = [*_curves(rows), *_predictions(prepared, network), _data(prepared), _recipe(prepared), _times(rows)]
    path = folder / PAGE
    root = Path(train.root).absolute()
    name = root.parent.name if root.name.lower() in TRAINING else root.name
    title = f"{prepared.model}, trained on {len(train)} samples of {name}"
    write_whole(path, page(title, f"{told} on {len(held_out)} other samples", sections, notes))
    return path


def _curves(rows: Sequence[Mapping[str, Any]]) -> Iterator[Section]:
    """Yield how losses and metrics went."""
    losses = [(row["epoch"], sum(row["losses"].values())) for row in rows]
    chart = Chart(x_label="epoch", y_label="loss", lines=[Line(name="loss", points=losses)])
    yield Section(title="Loss", text="On the samples that are trained on, the sum of all parts.", blocks=[chart])
    for name in dict.fromkeys(name for row in rows for name in row["metrics"]):
        points = [(row["epoch"], row["metrics"][name]) for row in rows if row["metrics"].get(name) is not None]
        if points:
            chart = Chart(x_label="epoch", y_label=name, lines=[Line(name=name, points=points)])
            yield Section(title=name, text="On the samples for validation.", blocks=[chart])


def _predictions(prepared: Prepared, network: nn.Module) -> Iterator[Section]:
    """Yield pictures of predictions; nothing for a task that draws none."""
    kind: Any = task_of(prepared.model).predictor_class()
    predictor: Predictor[Any, Any] = kind(network, prepared.entry, device="cpu")
    pictures = list(_drawn(predictor, _spread(prepared.held_out.samples)))
    if pictures:
        text = "Samples for validation, spread over all of them."
        yield Section(title="Predictions", text=text, blocks=[Pictures(pictures=pictures)])


def _spread(samples: Sequence[Any]) -> list[Any]:
    """Return samples from the first to the last, at equal distances."""
    count = min(MOST, len(samples))
    return [samples[place * len(samples) // count] for place in range(count)]


def _drawn(predictor: Predictor[Any, Any], samples: Iterable[Any]) -> Iterator[Picture]:
    for sample in samples:
        found = _predicted(predictor, sample)
        if found is None:
            continue
        decoded, prediction = found
        try:
            drawn = predictor.draw(decoded, prediction).convert("RGB")
        except NotImplementedError:
            return
        drawn.thumbnail((_LONGEST, _LONGEST))
        yield Picture(
            name=sample.name,
            path=None,
            lines=[prediction.summary()[:80]],
            image=drawn,
        )


def _predicted(predictor: Predictor[Any, Any], sample: Any) -> tuple[Any, Prediction] | None:
    """Return a decoded sample with its prediction; `None` for one that cannot be read, which training has told."""
    try:
        decoded = predictor.read(sample.paths)
        (prediction,) = predictor.predict([predictor.preprocess(decoded)], [sample.name])
    except (ValueError, OSError):
        return None
    return None if isinstance(prediction, Failure) else (decoded, prediction)


def _data(prepared: Prepared) -> Section:
    train = prepared.training.dataset
    categories = prepared.categories or ()
    rows = [
        ("folder", str(train.root)),
        ("layout", train.layout),
        ("trained on", len(train)),
        ("for validation", len(prepared.held_out)),
        ("classes", ", ".join(categories[:50]) + (", …" if len(categories) > 50 else "") or None),
        ("begun with", prepared.weights),
    ]
    return Section(title="Data", blocks=[Table(header=["what", "value"], rows=rows)])


def _recipe(prepared: Prepared) -> Section:
    recipe = prepared.training.recipe
    rows = [(each.name, _told(getattr(recipe, each.name)), each.metadata["text"]) for each in fields(recipe)]
    return Section(
        title="Recipe",
        text="As in recipe.toml, which zoo train --recipe takes.",
        blocks=[Table(header=["value", "is", "meaning"], rows=rows)],
    )


def _told(value: Any) -> object:
    return str(dict(value)) if isinstance(value, Mapping) else value


def _times(rows: Sequence[Mapping[str, Any]]) -> Section:
    names = list(rows[0]["seconds"]) if rows else []
    totals = [(name, round(sum(row["seconds"][name] for row in rows), 1)) for name in names]
    return Section(title="Seconds", text="Of all epochs.", blocks=[Table(header=["what", "seconds"], rows=totals)])
