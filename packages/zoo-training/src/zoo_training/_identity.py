"""What makes a run the same run: model, data and recipe."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zoo_evaluation import Dataset

from ._recipe import Recipe

_DATA = ("samples", "validation samples")


def identity_of(
    model: str, weights: str | None, recipe: Recipe, train: Dataset[Any], held_out: Dataset[Any]
) -> dict[str, Any]:
    """Return what a checkpoint remembers, to compare it when a run goes on."""
    data = dict(zip(_DATA, (train.digest, held_out.digest), strict=True))
    values: dict[str, Any] = _plain(asdict(recipe))
    return {"model": model, "weights": weights, **data, **values}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say what two runs differ in, a text each.

    Example:
        >>> from zoo_training._identity import differences
        >>> differences({"lr": 0.1, "seed": 0}, {"lr": 0.2, "seed": 0})
        ['lr (0.1 there, now 0.2)']
    """
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return [name if name in _DATA else f"{name} ({before.get(name)} there, now {now.get(name)})" for name in names]


def require_same(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise an error if the run in a folder is another one.

    Raises:
        ValueError: It is; the text says what differs.
    """
    found = differences(before, now)
    if found:
        raise ValueError(
            f"{folder} has a run that differs in {', '.join(found)}: give the same arguments to go on, or choose "
            "another folder."
        )


def _plain(value: Any) -> Any:  # as a checkpoint has it: lists for tuples
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
