"""Label maps of Pascal VOC.

JPEGImages/*.jpg
SegmentationClass/*.png
ImageSets/Segmentation/val.txt
"""

import re
from pathlib import Path

from ._coco_label_maps import CATEGORIES
from ._dataset import Dataset, DatasetError
from ._label_files import check_label_files
from ._missing import left_out
from .pixel_samples import LabelFileSample

PUBLISHED = "VOC2012-segmentation-val"
_EARLIER = re.compile(r"VOC20(0\d|1[01])")


def recognises(root: Path) -> bool:
    """Tell whether there is a list of images with label maps, here or in `VOCdevkit/VOC2012`."""
    return _list(_devkit(root), "val").is_file()


def splits(root: Path) -> tuple[str, ...]:
    """Return the names of the lists."""
    return tuple(sorted(path.stem for path in _list(_devkit(root), "val").parent.glob("*.txt")))


def read(root: Path, *, split: str = "val") -> Dataset[LabelFileSample]:
    """Read the images of a list that have a label map.

    Args:
        root: Has the three folders, or `VOCdevkit/VOC2012` with them.
        split: The name of the list: `"val"`, `"train"` or `"trainval"`.

    Raises:
        DatasetError: There are none, or they do not fit.
    """
    devkit = _devkit(root)
    if not _list(devkit, split).is_file():
        raise DatasetError(f"Expected the list of images {_list(devkit, split)}: choose a split that is there.")
    names = _list(devkit, split).read_text(encoding="utf-8").split()
    samples, missing = list[LabelFileSample](), list[str]()
    for name in names:
        image, labels = devkit / "JPEGImages" / f"{name}.jpg", devkit / "SegmentationClass" / f"{name}.png"
        if image.is_file() and labels.is_file():
            samples.append(LabelFileSample(name=image.name, paths=(image,), labels=labels))
        else:
            missing.append(name)
    if not samples:
        raise DatasetError(
            f"None of the {len(names)} images of {_list(devkit, split)} is in {devkit / 'JPEGImages'} with a label map "
            "in SegmentationClass."
        )
    check_label_files(devkit, samples, len(CATEGORIES))
    return Dataset(
        layout="voc-label-maps",
        root=root,
        published="" if split != "val" or _EARLIER.fullmatch(devkit.name) else PUBLISHED,
        samples=tuple(samples),
        categories=tuple(CATEGORIES),
        notes=left_out(missing, f"of {len(names)} images are missing, or their label maps"),
        files=(_list(devkit, split),),
    )


def _devkit(root: Path) -> Path:
    found = (path for path in (root, root / "VOC2012", root / "VOCdevkit" / "VOC2012") if _list(path, "val").is_file())
    return next(found, root)


def _list(devkit: Path, split: str) -> Path:
    return devkit / "ImageSets" / "Segmentation" / f"{split}.txt"
