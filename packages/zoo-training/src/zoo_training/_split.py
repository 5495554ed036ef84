"""Which samples are trained on, and which are kept for validation."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from zoo_evaluation import Dataset, open_dataset
from zoo_evaluation.datasets import ClassSample, DatasetError, ObjectsSample, find_layout
from zoo_evaluation.datasets.split_names import SPLITS, TEST, TRAINING, VALIDATION

from ._randomness import generator_of

S = TypeVar("S")
CLASS_FOLDERS, LISTED = ("image-folder", "video-folder"), "csv"
"""Layouts in which any folder is a class, and that in which a file lists the samples."""


def split_samples(labels: Sequence[int], share: float, seed: int = 0) -> tuple[list[int], list[int]]:
    """Divide samples by chance, each class in proportion.

    A class of two samples or more has at least one on each side; the only sample of a class is trained on.

    Args:
        labels: The class of each sample; all the same where there are no classes.
        share: Of the samples, for validation, in (0, 1).
        seed: Of the chance.

    Returns:
        The places of those that are trained on, and of the others, each in order.

    Raises:
        ValueError: `share` is out of range.

    Example:
        >>> from zoo_training import split_samples
        >>> split_samples([0, 0, 0, 0, 1, 1], 0.25)
        ([0, 1, 2, 4], [3, 5])
    """
    if not 0 < share < 1:
        raise ValueError(f"The share that is kept for validation is in (0, 1), found {share}.")
    import torch

    of_class: dict[int, list[int]] = {}
    for place, label in enumerate(labels):
        of_class.setdefault(label, []).append(place)
    kept: set[int] = set()
    for label, places in of_class.items():
        order = torch.randperm(len(places), generator=generator_of(seed, "split", label)).tolist()
        count = min(len(places) - 1, max(1, round(share * len(places))))
        kept.update(places[place] for place in order[:count])
    everyone = range(len(labels))
    return [place for place in everyone if place not in kept], [place for place in everyone if place in kept]


def open_split(
    root: Path, holds: str, share: float, seed: int, layout: str | None = None
) -> tuple[Dataset[Any], Dataset[Any]]:
    """Read a data set, and return what is trained on and what is kept for validation.

    A layout that has splits of its own, as `Layout.splits` tells, is divided already, and so is a folder with one of
    `TRAINING` and one of `VALIDATION` in it, whatever its case. A training folder without one for validation is divided
    by chance, each class in proportion, and a note names what lies beside it. So is anything else that is one whole. An
    image with objects counts as one of its rarest class.

    Raises:
        DatasetError: It is not whole, or cannot be divided.
        FileNotFoundError: There is nothing.
    """
    own = _own_splits(root, holds, layout)
    if {"train", "val"} <= set(own):
        train, held_out = (open_dataset(root, holds=holds, layout=layout, split=split) for split in ("train", "val"))
        if held_out.categories is None:  # its labels count the layout's classes, as those of the training set do
            held_out = replace(held_out, categories=train.categories)
        return train, replace(_same_classes(train, held_out), published="")
    folder = None if own else _training_folder(root, holds, layout)
    if folder is None:
        tests = [split for split in own if split in TEST and "train" in own]
        return _by_chance(_noted(_opened(root, holds, layout, own, ("trainval", "train")), tests), share, seed)
    train = _opened(folder, holds, layout, _own_splits(folder, holds, layout), ("trainval", "train"))
    validation = _folder(root, VALIDATION)
    if validation is None:
        beside = [path.name for path in _folders(root) if path != folder]
        return _by_chance(_noted(train, beside), share, seed)
    held_out = _opened(validation, holds, layout, _own_splits(validation, holds, layout), ("val", "train"))
    return train, _same_classes(train, held_out)


def _opened(root: Path, holds: str, layout: str | None, own: Sequence[str], splits: Sequence[str]) -> Dataset[Any]:
    """Read a data set: the first of these splits that is one of its own, if any is."""
    named = [{"split": split} for split in splits if split in own]
    return open_dataset(root, holds=holds, layout=layout, **(named[0] if named else {}))


def _noted(train: Dataset[Any], beside: Sequence[str]) -> Dataset[Any]:
    """Return the data set with a note on what lies beside it, and is not used."""
    if not beside:
        return train
    text = (
        f"Only the training samples of {train.root} are used, a part of them for validation; not used is what lies "
        f"beside them: {', '.join(beside[:5])}{', and so on' if len(beside) > 5 else ''}."
    )
    return replace(train, notes=(*train.notes, text))


def _by_chance(whole: Dataset[Any], share: float, seed: int) -> tuple[Dataset[Any], Dataset[Any]]:
    if len(whole) < 2:
        raise DatasetError(
            f"{whole.root} has {len(whole)} samples: some are trained on, others show how good the model is."
        )
    train_places, held_out_places = split_samples(_labels(whole), share, seed)
    if not held_out_places:
        raise DatasetError(
            f"{whole.root} has one sample of each class: two are needed, one to train on, one to measure with."
        )
    return _part(whole, train_places), _part(whole, held_out_places)


def _own_splits(root: Path, holds: str, layout: str | None) -> tuple[str, ...]:
    try:
        return find_layout(root, holds=holds, layout=layout).splits(root)
    except DatasetError:
        if _folder(root, TRAINING) is not None:  # which may have a layout
            return ()
        raise


def _training_folder(root: Path, holds: str, layout: str | None) -> Path | None:
    """Return the folder of what is trained on, if the data set has one.

    `train` may be a class, too, beside `car` and `bus`: then there is no data set in it.

    Raises:
        DatasetError: There are folders for validation and tests alone.
    """
    folder = _folder(root, TRAINING)
    here = _layout(root, holds, layout)
    if here == LISTED and (layout is not None or _folder(root, VALIDATION) is None):
        return None  # the file says where samples are
    are_splits = here in CLASS_FOLDERS and all(path.name.lower() in SPLITS for path in _folders(root))
    if folder is None:
        if are_splits:
            names = " and ".join(path.name for path in _folders(root))
            raise DatasetError(
                f"{root} has {names}, and nothing to train on: expected a folder train with a folder for each class. "
                "Give the path of one of them to train on that."
            )
        return None
    return folder if are_splits or here == "" or _layout(folder, holds, layout) else None


def _layout(root: Path, holds: str, layout: str | None) -> str:
    """Return the name of a folder's layout; empty if it has none, or not the one that is given."""
    try:
        found = find_layout(root, holds=holds, layout=layout)
    except DatasetError:
        return ""
    return found.name if layout is None or found.recognises(root) else ""


def _folders(root: Path) -> list[Path]:
    """Return the folders in a folder, by name; none where there is no folder."""
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _folder(root: Path, names: Sequence[str]) -> Path | None:
    """Return the folder in a folder that has the first of these names that one has, whatever its case."""
    known = {path.name.lower(): path for path in reversed(_folders(root))} | {
        path.name: path for path in _folders(root)
    }
    return next((known[name] for name in names if name in known), None)


def _labels(dataset: Dataset[Any]) -> list[int]:
    """Return a class of each sample, by which it is divided; 0 where there are no classes."""
    of_sample = [
        {one["category_id"] for one in sample.objects if not one["iscrowd"]}
        for sample in dataset
        if isinstance(sample, ObjectsSample)
    ]
    if of_sample:
        counts = Counter(category for found in of_sample for category in found)
        return [min(found, key=lambda each: (counts[each], each), default=-1) for found in of_sample]
    return [sample.label if isinstance(sample, ClassSample) else 0 for sample in dataset]


def _part(dataset: Dataset[Any], places: Sequence[int]) -> Dataset[Any]:
    return replace(dataset, samples=tuple(dataset[place] for place in places), published="")


def _same_classes(train: Dataset[Any], held_out: Dataset[Any]) -> Dataset[Any]:
    """Return the validation set with labels that count the training set's classes.

    Raises:
        DatasetError: It has other classes.
    """
    if train.categories is None or _classes(held_out) == _classes(train):
        return held_out
    if not all(isinstance(sample, ClassSample | ObjectsSample) for sample in held_out):
        raise DatasetError(
            f"{held_out.root} names other classes than {train.root}, or in another order ({_told(held_out)}; "
            f"{_told(train)}): the numbers of label maps mean both. Put the same names into both."
        )
    known = dict(zip(train.categories, train.category_ids or range(len(train.categories)), strict=True))
    missing = [name for name in held_out.categories or () if name not in known]
    if missing or held_out.categories is None:
        raise DatasetError(
            f"{held_out.root} has classes that {train.root} has not: {', '.join(missing[:5])}. Both need the same."
        )
    own = held_out.category_ids or range(len(held_out.categories))
    places = {place: known[name] for place, name in zip(own, held_out.categories, strict=True)}
    return replace(
        held_out,
        samples=tuple(_relabelled(sample, places) for sample in held_out),
        categories=train.categories,
        category_ids=train.category_ids,
        published="",
    )


def _told(dataset: Dataset[Any]) -> str:
    return ", ".join((dataset.categories or ())[:8])


def _classes(dataset: Dataset[Any]) -> tuple[object, object]:
    return dataset.categories, dataset.category_ids


def _relabelled(sample: Any, places: Mapping[int, int]) -> Any:  # of its own class
    if isinstance(sample, ObjectsSample):
        objects = tuple({**one, "category_id": places[one["category_id"]]} for one in sample.objects)
        return replace(sample, objects=objects)
    return replace(sample, label=places[sample.label])
