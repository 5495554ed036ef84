"""ImageNet-1K: a folder of images for each of 1,000 synsets, or the flat validation images with what is true of them.

val/n01440764/*.JPEG
val/ILSVRC2012_val_00000001.JPEG, ILSVRC2012_devkit_t12/data/{ILSVRC2012_validation_ground_truth.txt,meta.mat}

A class's index is its place among the 1,000 sorted synsets. Where folders of some are missing, a list says which these
are: a text file with a synset a line, such as `LOC_synset_mapping.txt`.
"""

import re
from pathlib import Path

from zoo_core.images import image_suffixes

from . import _imagenet_truth as truth
from ._class_folders import read_folders, subfolders
from ._dataset import Dataset, DatasetError
from ._missing import left_out
from .samples import ClassSample

PUBLISHED = "ImageNet-1K"
"""What weights entries call it."""
_FLAT = re.compile(r"ILSVRC2012_val_(\d{8})\.jpe?g", re.IGNORECASE)


def recognises(root: Path) -> bool:
    """Tell whether there are folders of synsets, many or with a list of all, or images called as the flat ones are."""
    folder = _split(root, "val")
    synsets = _synset_folders(folder)
    if synsets:
        many = truth.CLASSES // 2  # fewer are somebody's own classes, unless a list says otherwise
        return len(synsets) >= many or truth.find_synsets(root) is not None
    return _has_images(folder)


def splits(root: Path) -> tuple[str, ...]:
    """Return which of train and val are there; a folder of synsets is one to train on."""
    found = tuple(split for split in ("train", "val") if (root / split).is_dir() and _has_images(root / split))
    return found or (("train",) if _synset_folders(root) else ())


def read(root: Path, *, split: str = "val") -> Dataset[ClassSample]:
    """Read the images, by folder or by what the development kit says is true of them.

    Args:
        root: Has a folder with the split's name, or is that folder.
        split: `"val"` is what the published numbers are for; its labels are places among a published model's classes.
            `"train"` is what models are trained on: the synsets are the names of their classes.

    Raises:
        DatasetError: Classes or images are missing so that labels could be wrong, or the truth cannot be read.
    """
    folder = _split(root, split)
    folders = _synset_folders(folder)
    published = PUBLISHED if split == "val" else ""
    if not folders:
        return _read_flat(root, folder, published)
    return _read_folders(root, folder, folders, published, named=split == "train")


def _read_folders(
    root: Path, folder: Path, folders: list[Path], published: str, *, named: bool
) -> Dataset[ClassSample]:
    names = [path.name for path in folders]
    listed = truth.find_synsets(root)
    if listed is None and len(names) != truth.CLASSES:
        raise DatasetError(
            f"{folder} has folders of {len(names)} synsets, expected ImageNet's {truth.CLASSES}: a class is a place "
            "among all of them. Add the folders that are missing, empty ones too, or a text file with the "
            f"{truth.CLASSES} synsets, one a line. For a model of these {len(names)} classes choose --layout "
            "image-folder."
        )
    synsets = names if listed is None else truth.read_synsets(listed)
    unknown = sorted(set(names) - set(synsets))
    if unknown:
        raise DatasetError(
            f"{folder} has {len(unknown)} folders whose synsets are not in {listed}: {', '.join(unknown[:5])}. "
            "Remove them, or correct the list."
        )
    dataset = read_folders(
        folder,
        folders,
        image_suffixes(),
        layout="imagenet",
        what="images",
        published=published,
        label={name: place for place, name in enumerate(synsets)}.__getitem__,
    )
    absent = [name for name in synsets if name not in set(names)]
    return Dataset(
        layout="imagenet",
        root=root,
        published=published,
        samples=dataset.samples,
        categories=tuple(synsets) if named else None,
        notes=(*dataset.notes, *left_out(absent, f"of {truth.CLASSES} classes have no folder")),
        files=() if listed is None else (listed,),
    )


def _read_flat(root: Path, folder: Path, published: str) -> Dataset[ClassSample]:
    found = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        matched = _FLAT.fullmatch(path.name)
        if matched:
            found[int(matched[1])] = path
    if not found:
        raise DatasetError(
            f"{folder} has neither folders of synsets (n01440764) nor images called ILSVRC2012_val_00000001.JPEG."
        )
    true = truth.read_truth(root)
    unknown = sorted(set(found) - true.labels.keys())
    if unknown:
        raise DatasetError(
            f"{true.files[0]} says nothing of {len(unknown)} images, such as {found[unknown[0]].name}: expected the "
            "truth of all. Is the file complete?"
        )
    samples = tuple(
        ClassSample(name=path.relative_to(root).as_posix(), paths=(path,), label=true.labels[number])
        for number, path in sorted(found.items())
    )
    missing = [f"ILSVRC2012_val_{number:08}.JPEG" for number in sorted(true.labels.keys() - found.keys())]
    return Dataset(
        layout="imagenet",
        root=root,
        published=published,
        samples=samples,
        notes=left_out(missing, f"of {len(true.labels)} images are missing"),
        files=true.files,
    )


def _split(root: Path, split: str) -> Path:
    return root / split if (root / split).is_dir() else root


def _has_images(folder: Path) -> bool:
    """Tell whether there are folders of synsets, or images called as the flat ones are."""
    flat = (_FLAT.fullmatch(path.name) for path in (folder.iterdir() if folder.is_dir() else ()))
    return bool(_synset_folders(folder)) or any(flat)


def _synset_folders(folder: Path) -> list[Path]:
    return [path for path in subfolders(folder) if truth.SYNSET.fullmatch(path.name)]
