"""Objects in images as COCO has them: an annotations file, and a folder of images beside it.

COCO itself (`val2017/*.jpg`, `annotations/instances_val2017.json`, `annotations/person_keypoints_val2017.json`), and
whatever is written in its format. Where people's keypoints have a file of their own, both files are read together.
"""

import math
import mmap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ._coco_json import load_annotations
from ._dataset import Dataset, DatasetError
from .samples import ObjectsSample

PUBLISHED = "COCO-val2017"
"""What weights entries call COCO's validation images."""
GAPS = frozenset({12, 26, 29, 30, 45, 66, 68, 69, 71, 83})
"""The numbers up to 90 that are no category of COCO's: of 91 ids, with 0 for the background, 80 are used."""
COCO_IDS = tuple(number for number in range(1, 91) if number not in GAPS)
_KEYPOINTS, _INSTANCES = "person_keypoints_", "instances_"
_TOLERANCE = 1.0
"""By how many pixels a box may reach beyond its image, as rounding does."""
_SHOWN = 3


def recognises(root: Path) -> bool:
    """Tell whether there is an annotations file in COCO's format."""
    return any(_is_coco(path) for path in _candidates(root))


def splits(root: Path) -> tuple[str, ...]:
    """Return for which of train, val and test there are annotations of their own."""
    if root.is_file():
        return ()
    names = [path.relative_to(root).as_posix() for path in _candidates(root) if _is_coco(path)]
    return tuple(split for split in ("train", "val", "test") if any(split in name for name in names))


def read(root: Path, *, split: str = "") -> Dataset[ObjectsSample]:
    """Read annotations and find their images.

    Args:
        root: The folder, or the annotations file.
        split: Which of several files: a part of its name, such as `"val2017"`.

    Raises:
        DatasetError: There is no such file, or several to choose from; it is not whole; ids do not fit each other; no
            image is there.
    """
    path = _choose(root, split)
    content, files = load_annotations(path), [path]
    keypoints = path.with_name(path.name.replace(_INSTANCES, _KEYPOINTS, 1))
    notes = _Notes()
    if keypoints != path and keypoints.is_file():
        files.append(keypoints)
        _add_keypoints(content, load_annotations(keypoints), keypoints, notes)
    categories = _categories(content, path)
    images = _images(content, path)
    objects = _objects(content, images, tuple(categories), path, notes)
    samples = _samples(root, path, images, objects, notes)
    _look_at_boxes(samples, notes)
    ids = tuple(sorted(categories))
    if ids == tuple(range(1, 81)) or ids == tuple(range(80)):
        notes.add(f"Its 80 classes count from {ids[0]} to {ids[-1]} without COCO's gaps: they are matched by name.")
    return Dataset(
        layout="coco",
        root=root,
        published=PUBLISHED if path.stem.endswith("val2017") and ids in {COCO_IDS, (1,)} else "",
        samples=samples,
        categories=tuple(categories[number] for number in ids),
        category_ids=ids,
        keypoint_names=_keypoint_names(content),
        notes=tuple(notes.texts),
        files=tuple(files),
    )


@dataclass
class _Notes:
    """Collects what was noticed."""

    texts: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        self.texts.append(text)

    def count(self, found: Sequence[object], text: str) -> None:
        """Say how many there are, and which are the first, if there are any."""
        if found:
            self.add(f"{len(found)} {text}: {_first(found)}.")


def _first(found: Iterable[object]) -> str:
    listed = list(found)
    return ", ".join(map(str, listed[:_SHOWN])) + (", and so on" if len(listed) > _SHOWN else "")


def _candidates(root: Path) -> list[Path]:
    """Return the files that may hold annotations: those in `annotations/` before those in the folder itself."""
    if root.is_file():
        return [root] if root.suffix == ".json" else []
    folders = [root / "annotations", root, *sorted(path for path in root.glob("*") if path.is_dir())]
    return [path for folder in dict.fromkeys(folders) if folder.is_dir() for path in sorted(folder.glob("*.json"))]


def _is_coco(path: Path) -> bool:
    """Tell whether a file has the words that the format needs, without reading it as JSON."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return all(content.find(word) >= 0 for word in (b'"images"', b'"annotations"', b'"categories"'))
    except (OSError, ValueError):  # an empty file cannot be mapped
        return False


def _choose(root: Path, split: str) -> Path:
    if root.is_file():
        return root
    found = [path for path in _candidates(root) if split in path.relative_to(root).as_posix() and _is_coco(path)]
    if not found:
        among = f" with {split!r} in its name" if split else ""
        raise DatasetError(
            f"{root} has no annotations in COCO's format{among}: expected a JSON file with images, annotations and "
            "categories, in the folder or in annotations/."
        )
    others = {path.with_name(path.name.replace(_INSTANCES, _KEYPOINTS, 1)) for path in found if _INSTANCES in path.name}
    chosen = [path for path in found if path not in others]
    validation = [path for path in chosen if "val" in path.relative_to(root).as_posix()]
    chosen = validation or chosen
    if len(chosen) > 1:  # beside objects, COCO has stuff, panoptic segments and captions of the same images
        chosen = [path for path in chosen if path.name.startswith(_INSTANCES)] or chosen
    if len(chosen) > 1:
        names = ", ".join(path.relative_to(root).as_posix() for path in chosen)
        raise DatasetError(f"{root} has several annotations files: {names}. Give the path of one of them instead.")
    return chosen[0]


def _add_keypoints(content: dict[str, Any], more: Mapping[str, Any], path: Path, notes: _Notes) -> None:
    """Put the keypoints of another file to the same objects, which have the same ids."""
    known = {one.get("id"): one for one in content["annotations"]}
    missing = []
    for one in more["annotations"]:
        same = known.get(one.get("id"))
        if same is None or same.get("image_id") != one.get("image_id"):
            missing.append(one.get("id"))
        else:
            same |= {name: one[name] for name in ("keypoints", "num_keypoints") if name in one}
    named = {one.get("id"): one["keypoints"] for one in more["categories"] if "keypoints" in one}
    for category in content["categories"]:
        if category.get("id") in named:
            category["keypoints"] = named[category["id"]]
    notes.count(missing, f"objects of {path.name} are not among the instances, and are left out; their ids")


def _categories(content: Mapping[str, Any], path: Path) -> dict[int, str]:
    """Return the names of the categories by id."""
    with _needing(path, "categories", "an id and a name"):
        ids = [int(one["id"]) for one in content["categories"]]
        names = [str(one["name"]) for one in content["categories"]]
    _refuse_twice(ids, path, "categories have the id")
    _refuse_twice(names, path, "categories are called")
    if not ids:
        raise DatasetError(f"{path} lists no categories: expected the classes of its objects.")
    return dict(zip(ids, names, strict=True))


def _keypoint_names(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of keypoints, if the categories that have some agree on them."""
    stated = {tuple(map(str, one["keypoints"])) for one in content["categories"] if one.get("keypoints")}
    return stated.pop() if len(stated) == 1 else ()


def _images(content: Mapping[str, Any], path: Path) -> dict[int, Mapping[str, Any]]:
    """Return the images by id."""
    with _needing(path, "images", "an id and a file_name"):
        ids = [int(one["id"]) for one in content["images"]]
        names = [str(one["file_name"]) for one in content["images"]]
    _refuse_twice(ids, path, "images have the id")
    _refuse_twice(names, path, "images are called")
    return dict(zip(ids, content["images"], strict=True))


@contextmanager
def _needing(path: Path, entries: str, needed: str) -> Iterator[None]:
    """Say which entries of a file lack something."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{path}: {entries} need {needed}; one cannot be read so ({error!r}).") from None


def _refuse_twice(values: Sequence[object], path: Path, what: str) -> None:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise DatasetError(f"{path}: two {what} {_first(twice)}. Each needs its own, or objects go to the wrong one.")


def _objects(
    content: Mapping[str, Any], images: Mapping[int, object], category_ids: tuple[int, ...], path: Path, notes: _Notes
) -> dict[int, list[Mapping[str, Any]]]:
    """Return the objects of each image, with what COCO's evaluation needs of them."""
    found: dict[int, list[Mapping[str, Any]]] = {number: [] for number in images}
    without_area = 0
    with _needing(path, "annotations", "image_id, category_id and bbox (x, y, width, height)"):
        listed = [
            (int(one["image_id"]), int(one["category_id"]), _box(one["bbox"]), one) for one in content["annotations"]
        ]
    _check_ids(listed, images, category_ids, path)
    for place, (image, category, box, one) in enumerate(listed, 1):
        without_area += "area" not in one
        defaults = {"id": place, "area": box[2] * box[3], "iscrowd": 0}
        known = {name: value for name, value in one.items() if name in _KEPT}
        found[image].append({**defaults, **known, "category_id": category, "bbox": box})
    if not listed:
        raise DatasetError(f"{path} has no objects in any of its {len(images)} images: nothing can be compared.")
    if without_area:
        notes.add(f"{without_area} objects have no area: that of their box is taken.")
    twice = [number for number, count in Counter(one.get("id") for *_, one in listed).items() if count > 1]
    notes.count(twice, "ids belong to several objects, which count all the same; the first")
    return found


def _box(given: Any) -> list[float]:
    x, y, width, height = map(float, given)
    if not all(map(math.isfinite, (x, y, width, height))):
        raise ValueError(f"a bbox of {given}")
    return [x, y, width, height]


_KEPT = frozenset({"id", "area", "iscrowd", "segmentation", "keypoints", "num_keypoints"})


def _check_ids(
    listed: Sequence[tuple[int, int, object, object]], images: Mapping[int, object], known: tuple[int, ...], path: Path
) -> None:
    """Refuse objects of images or categories that are not listed, with the likely reason."""
    of_none = sorted({image for image, *_ in listed if image not in images})
    if of_none:
        raise DatasetError(f"{path} has objects of {len(of_none)} images that it does not list: ids {_first(of_none)}.")
    unknown = sorted({category for _, category, *_ in listed} - set(known))
    if not unknown:
        return
    told = f"{path} has objects of categories that it does not list: ids {_first(unknown)}; it lists {_first(known)}."
    if tuple(sorted(known)) == COCO_IDS and set(unknown) <= GAPS | {0}:
        raise DatasetError(
            f"{told} The categories have COCO's ids, of 1 to 90 with gaps, and the objects count COCO's 80 classes "
            "without gaps: give the objects the ids of the categories."
        )
    if unknown in ([min(known) - 1], [max(known) + 1]):
        raise DatasetError(f"{told} The ids are probably off by one: count both from the same number.")
    raise DatasetError(f"{told} Add these categories, or remove the objects.")


def _samples(
    root: Path,
    path: Path,
    images: Mapping[int, Mapping[str, Any]],
    objects: Mapping[int, Sequence[Mapping[str, Any]]],
    notes: _Notes,
) -> tuple[ObjectsSample, ...]:
    """Return the images whose files are there, by rising id, as COCO's tools count them."""
    names = [str(image["file_name"]) for image in images.values()]
    folder = _image_folder(root, path, names)
    base = root if root.is_dir() else path.parent
    found, missing = list[ObjectsSample](), []
    for number in sorted(images):
        image, file = images[number], folder / str(images[number]["file_name"])
        if not file.is_file():
            missing.append(image["file_name"])
            continue
        height, width = _size(image, file)
        found.append(
            ObjectsSample(
                name=file.relative_to(base).as_posix() if file.is_relative_to(base) else str(image["file_name"]),
                paths=(file,),
                image_id=number,
                height=height,
                width=width,
                objects=tuple(objects[number]),
            )
        )
    if not found:
        raise DatasetError(
            f"None of the {len(images)} images of {path} is there, such as {_first(names[:1])}: expected them in a "
            f"folder beside the annotations, such as {folder}."
        )
    notes.count(missing, f"of {len(images)} images are listed and not there, and are left out")
    return tuple(found)


def _image_folder(root: Path, path: Path, names: Sequence[str]) -> Path:
    """Return the folder that holds most of some images."""
    split = path.stem.rpartition("_")[2]
    bases = dict.fromkeys([root if root.is_dir() else path.parent, path.parent, path.parent.parent])
    folders = [base / name for base in bases for name in (split, "images", f"images/{split}", "")]
    folders += [folder for base in bases for folder in sorted(base.iterdir()) if folder.is_dir()]
    step = max(1, len(names) // 20)
    counts = {folder: sum((folder / name).is_file() for name in names[::step]) for folder in folders if folder.is_dir()}
    return max(counts, key=lambda folder: counts[folder])  # the first of the best


def _size(image: Mapping[str, Any], file: Path) -> tuple[int, int]:
    """Return height and width in pixels; those that are not stated are read from the file."""
    try:
        return int(image["height"]), int(image["width"])
    except (KeyError, TypeError, ValueError):
        pass
    from PIL import Image

    try:
        with Image.open(file) as opened:
            return opened.height, opened.width
    except OSError:
        return 0, 0  # it will be told when it is to be predicted on


def _look_at_boxes(samples: Sequence[ObjectsSample], notes: _Notes) -> None:
    """Tell of boxes that cannot be right. They count, as they do in COCO's tools."""
    boxes = [(sample, one["bbox"]) for sample in samples for one in sample.objects]
    empty = [sample.name for sample, (_, _, width, height) in boxes if width <= 0 or height <= 0]
    outside = [sample.name for sample, box in boxes if sample.width and _beyond(sample, box)]
    notes.count(empty, "boxes have no width or height; the first are in")
    notes.count(outside, "boxes reach beyond their image; the first are in")


def _beyond(sample: ObjectsSample, box: Sequence[float]) -> bool:
    x, y, width, height = box
    return min(x, y) < -_TOLERANCE or x + width > sample.width + _TOLERANCE or y + height > sample.height + _TOLERANCE
