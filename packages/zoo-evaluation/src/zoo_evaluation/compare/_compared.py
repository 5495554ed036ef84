"""A model beside others: its record, and what it costs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo_core.saved import parse_name
from zoo_evaluation._record import Record

from ._cost import Cost, measure_cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A model beside others.

    Args:
        name: By which it is told from the others.
        record: How good it is.
        cost: What it costs.
    """

    name: str
    record: Record
    cost: Cost


def read_compared(paths: Sequence[Path]) -> list[Compared]:
    """Read records, or folders of runs. What they cost is read from beside them, or else from the catalogue.

    Raises:
        ValueError: One of them is no record.
        OSError: One of them cannot be read.
    """
    files = [path / "record.json" if path.is_dir() else path for path in paths]
    for path, file in zip(paths, files, strict=True):
        if not file.exists():
            raise FileNotFoundError(
                f"{path} has no record: run `zoo evaluate MODEL DATA -o {path}` first, or give models and --data."
            )
    records = [Record.from_json(file) for file in files]
    return [
        Compared(name=name, record=record, cost=Cost.read(file.parent) or Cost.of_entry(str(record.model["weights"])))
        for name, record, file in zip(_names(records, files), records, files, strict=True)
    ]


def _names(records: Sequence[Record], files: Sequence[Path]) -> list[str]:
    """Return short names: the model's; with the weights entry, or the folder, where that is several records'."""
    models = [str(record.model["name"]) for record in records]
    weights = [f"{model} {str(record.model['weights']).partition('.')[2]}".strip()
               for model, record in zip(models, records, strict=True)]  # fmt: skip
    places = [f"{model} ({file.resolve().parent.name})" for model, file in zip(models, files, strict=True)]
    found = list[str]()
    for several in zip(models, weights, places, strict=True):
        unique = (name for name, all_ in zip(several, (models, weights, places), strict=True) if all_.count(name) == 1)
        found.append(next(unique, several[-1]))
    return found


def _parts(name: str) -> tuple[str, str]:
    """Return a model's name, and that of its weights entry if there is one."""
    if parse_name(name) is not None:
        return name, ""
    model, _, weights = name.partition(":")
    return model, weights


def _folder_name(name: str) -> str:
    """Return what the folder of a model's run is called: a name that leads nowhere else."""
    return re.sub(r"[^\w.@-]+", "-", name).strip("-.") or "model"


def compare_models(
    models: Sequence[str], data: Path, output: Path | None = None, **options: Any
) -> Iterator[Compared | tuple[str, Exception]]:
    """Evaluate models on one data set, one after the other, and measure what they cost.

    Args:
        models: Names of models, those of registered ones by themselves or with a weights entry's:
            `"resnet50:IMAGENET1K_V1"`.
        data: The data set's folder.
        output: Keeps each run in a folder of its own there, with what the model costs; run again, it goes on.
        **options: As `EvaluationJob` has them.

    Yields:
        Each model; or its name and what went wrong: the others are not held up by that.
    """
    from zoo_evaluation._evaluate import EvaluationJob

    for name in models:
        model, weights = _parts(name)
        folder = None if output is None else output / _folder_name(name)
        try:
            job = EvaluationJob(model=model, weights=weights or None, dataset=data, output=folder, **options)
            record = job.run()
            if record is None:
                raise ValueError("Models are compared on whole data sets, by one process.")
            cost = measure_cost(
                model,
                [sample.paths for sample in job.evaluation.dataset],
                weights=weights or "DEFAULT",
                device=job.device,
                optimized=job.optimized,
                options=job.evaluation.options(),
            )
            if folder is not None:
                cost.write(folder)
        except (ValueError, OSError, RuntimeError) as error:
            yield name, error
        else:
            yield Compared(name=name, record=record, cost=cost)
