"""People's own label maps: a folder of images, one of label maps of the same names, and the names of the classes.

images/**/NAME.jpg
labels/**/NAME.png
categories.txt, a name a line, or categories.json, a list: in the order of the classes' numbers

It is divided where `images` has nothing but folders of splits: images/train/NAME.jpg, labels/train/NAME.png.
"""

import json
from pathlib import Path

from zoo_core.images import image_suffixes

from ._dataset import Dataset, DatasetError
from ._label_files import IGNORED, check_label_files
from ._missing import left_out
from .pixel_samples import LabelFileSample
from .split_names import SPLITS

_CATEGORIES = ("categories.txt", "categories.json")


def recognises(root: Path) -> bool:
    """Tell whether there are both folders, and label maps in the one."""
    return (root / "images").is_dir() and any((root / "labels").rglob("*.png"))


def splits(root: Path) -> tuple[str, ...]:
    """Return which splits have images and label maps of their own."""
    return tuple(_splits(root))


def read(root: Path, *, split: str | None = None) -> Dataset[LabelFileSample]:
    """Read the images that have a label map.

    Args:
        root: Has the folders `images` and `labels`, and the names of the classes.
        split: Which of its splits, where it is divided: by default `"val"`, else `"test"`, else `"train"`.

    Raises:
        DatasetError: There are none, they do not fit, or the classes are not named.
    """
    categories, file = _categories(root)
    divided = _splits(root)
    if split is not None and split not in divided:
        expected = f"expected {' or '.join(divided)}." if divided else "it is one whole, leave the split out."
        raise DatasetError(f"{root} has no split {split!r}: {expected}")
    part = divided[split or next(name for name in ("val", "test", "train") if name in divided)] if divided else ""
    images = _by_stem(root / "images", part, image_suffixes())
    labels = _by_stem(root / "labels", part, frozenset({".png"}))
    samples = [
        LabelFileSample(name=path.relative_to(root / "images").as_posix(), paths=(path,), labels=labels[stem])
        for stem, path in images.items()
        if stem in labels
    ]
    if not samples:
        raise DatasetError(f"No image in {root / 'images'} has a label map of its name in {root / 'labels'}.")
    check_label_files(root, samples, len(categories))
    return Dataset(
        layout="label-map-folder",
        root=root,
        samples=tuple(samples),
        categories=categories,
        notes=left_out(sorted(images.keys() - labels.keys()), "images have no label map")
        + left_out(sorted(labels.keys() - images.keys()), "label maps have no image"),
        files=(file,),
    )


def _splits(root: Path) -> dict[str, str]:
    """Return the folders of splits by what they hold: `{"val": "validation"}`; none where the data set is one whole."""
    seen = [path for path in (root / "images").glob("*") if path.is_dir() or path.suffix.lower() in image_suffixes()]
    stands_for = {path.name: SPLITS.get(path.name.lower(), "") for path in seen if not path.name.startswith(".")}
    if "" in stands_for.values() or len(set(stands_for.values())) < len(stands_for):
        return {}
    return {split: name for name, split in sorted(stands_for.items()) if (root / "labels" / name).is_dir()}


def _by_stem(folder: Path, part: str, suffixes: frozenset[str]) -> dict[str, Path]:
    """Return the files in a part of a folder by their path without the suffix, sorted."""
    found = dict[str, Path]()
    for path in sorted((folder / part).rglob("*")):
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        stem = path.relative_to(folder).with_suffix("").as_posix()
        if stem in found:
            raise DatasetError(f"{found[stem]} and {path} have the same name: which belongs to {stem}?")
        found[stem] = path
    return found


def _categories(root: Path) -> tuple[tuple[str, ...], Path]:
    """Return the names of the classes, and the file that has them."""
    for path in (root / name for name in _CATEGORIES):
        if path.is_file():
            return _checked(path, _names(path)), path
    raise DatasetError(
        f"{root} does not name its classes: expected {' or '.join(_CATEGORIES)} beside images/ and labels/, with the "
        "names in the order of their numbers in the label maps, from 0 on."
    )


def _names(path: Path) -> list[object]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".txt":
        return [line.strip() for line in text.split("\n") if line.strip()]
    try:
        content = json.loads(text)
    except ValueError as error:
        raise DatasetError(f"{path} is not JSON: {error}.") from None
    if not isinstance(content, list):
        raise DatasetError(f"{path} should hold a list of names, found {type(content).__name__}.")
    return content


def _checked(path: Path, names: list[object]) -> tuple[str, ...]:
    known = tuple(name for name in names if isinstance(name, str))
    if len(known) < len(names) or not 1 <= len(known) <= IGNORED or len(set(known)) < len(known):
        raise DatasetError(
            f"{path} should have from 1 to {IGNORED} names, all different, found {len(names)}: {names[:5]}."
        )
    return known
