"""COCO's images with the classes of Pascal VOC: label maps are drawn from the outlines of objects.

val2017/*.jpg
annotations/instances_val2017.json
"""

from pathlib import Path

from ._coco_json import CocoFile, read_coco_json
from ._dataset import Dataset, DatasetError
from ._missing import left_out
from ._outlines import is_outline
from .pixel_samples import OutlinedSample

PUBLISHED = "COCO-val2017-VOC-labels"
SPLIT = "val2017"
_SPLITS = {"train": "train2017", "val": SPLIT}
"""As COCO calls them."""
CATEGORIES = {
    "__background__": (0, ""),
    "aeroplane": (5, "airplane"),
    "bicycle": (2, "bicycle"),
    "bird": (16, "bird"),
    "boat": (9, "boat"),
    "bottle": (44, "bottle"),
    "bus": (6, "bus"),
    "car": (3, "car"),
    "cat": (17, "cat"),
    "chair": (62, "chair"),
    "cow": (21, "cow"),
    "diningtable": (67, "dining table"),
    "dog": (18, "dog"),
    "horse": (19, "horse"),
    "motorbike": (4, "motorcycle"),
    "person": (1, "person"),
    "pottedplant": (64, "potted plant"),
    "sheep": (20, "sheep"),
    "sofa": (63, "couch"),
    "train": (7, "train"),
    "tvmonitor": (72, "tv"),
}
"""Pascal VOC's classes in their order, with id and name of COCO's category."""


def recognises(root: Path) -> bool:
    """Tell whether there are annotations of val2017."""
    return _annotations(root, SPLIT).is_file()


def splits(root: Path) -> tuple[str, ...]:
    """Return which annotations are there, by the first part of their name."""
    return tuple(name for name, split in _SPLITS.items() if _annotations(root, split).is_file())


def read(root: Path, *, split: str = SPLIT) -> Dataset[OutlinedSample]:
    """Read the images that are there, all of which count, also those without objects.

    Args:
        root: Has the folders `annotations` and that of the split.
        split: `"val2017"` or `"train2017"`, or the first part of these.

    Raises:
        DatasetError: The annotations are others, or there are no images.
    """
    split = _SPLITS.get(split, split)
    coco = read_coco_json(_annotations(root, split))
    _check_ids(coco)
    labels = {coco_id: label for label, (coco_id, _) in enumerate(CATEGORIES.values())}
    _check_outlines(coco)
    samples, missing = list[OutlinedSample](), list[str]()
    here = {path.name for path in (root / split).glob("*")}
    for image in coco.images:
        if image["file_name"] not in here:
            missing.append(image["file_name"])
            continue
        kept = [each for each in coco.annotations[image["id"]] if each["category_id"] in labels]
        samples.append(
            OutlinedSample(
                name=image["file_name"],
                paths=(root / split / image["file_name"],),
                height=image["height"],
                width=image["width"],
                objects=tuple((labels[each["category_id"]], each["segmentation"]) for each in kept),
            )
        )
    if not samples:
        raise DatasetError(f"{root / split} has none of the {len(missing)} images that {coco.path} lists.")
    return Dataset(
        layout="coco-label-maps",
        root=root,
        published=PUBLISHED if split == SPLIT else "",
        samples=tuple(samples),
        categories=tuple(CATEGORIES),
        notes=left_out(missing, f"of {len(coco.images)} images are missing"),
        files=(coco.path,),
    )


def _annotations(root: Path, split: str) -> Path:
    return root / "annotations" / f"instances_{split}.json"


def _check_outlines(coco: CocoFile) -> None:
    """Refuse what cannot be drawn."""
    for image in coco.images:
        for each in coco.annotations[image["id"]]:
            if not is_outline(each.get("segmentation"), image["height"], image["width"]):
                raise DatasetError(
                    f"{coco.path}: annotation {each.get('id')} of {image['file_name']} has neither polygons nor run "
                    f"lengths of {image['width']} x {image['height']} pixels, found "
                    f"{each.get('segmentation')!r:.80}."
                )


def _check_ids(coco: CocoFile) -> None:
    """Refuse files whose ids are others, such as 0 to 79 without gaps."""
    for coco_id, name in CATEGORIES.values():
        if name and coco.categories.get(coco_id) != name:
            raise DatasetError(
                f"{coco.path} calls category {coco_id} {coco.categories.get(coco_id)!r}, and COCO calls it {name!r}: "
                "expected COCO's own ids, from 1 to 90 with gaps. Take the file that COCO publishes."
            )
