"""Which layouts there are, and which of them a folder has."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

from zoo_core.names import closest, load_reference

from ._dataset import Dataset, DatasetError

Recognise: TypeAlias = Callable[[Path], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A way in which data sets lie in folders.

    Args:
        name: As `--layout` takes it.
        holds: What its samples are: `"classes"`, `"objects"`, `"label maps"`, `"videos"` or `"flows"`.
        module: Has `recognises(root)`, which looks at few files, and `read(root, **options)`, which gives the data set;
            and `splits(root)`, where such data sets may be divided.
        shape: How it looks, for people: `"CLASS/*.jpg"`.
    """

    name: str
    holds: str
    module: str
    shape: str

    def recognises(self, root: Path) -> bool:
        """Tell whether a folder or file looks like it."""
        return bool(load_reference(f"{self.module}:recognises")(root))

    def splits(self, root: Path) -> tuple[str, ...]:
        """Return into what a data set is divided, as `read` takes it for `split`; nothing where it is one whole.

        Training samples are `"train"`, those for validation `"val"`.
        """
        splits = getattr(import_module(self.module), "splits", None)
        return () if splits is None else tuple(splits(root))

    def read(self, root: Path, **options: Any) -> Dataset[Any]:
        """Read it.

        Raises:
            DatasetError: It is not whole, or not in this layout.
        """
        dataset: Dataset[Any] = load_reference(f"{self.module}:read")(root, **options)
        return dataset


_HERE = "zoo_evaluation.datasets"
LAYOUTS = (
    Layout(
        name="imagenet",
        holds="classes",
        module=f"{_HERE}._imagenet",
        shape="val/n01440764/*.JPEG, or val/ILSVRC2012_val_*.JPEG with the development kit",
    ),
    Layout(name="csv", holds="classes", module=f"{_HERE}._csv_file", shape="FILE.csv with the header path,label"),
    Layout(name="image-folder", holds="classes", module=f"{_HERE}._image_folder", shape="CLASS/*.jpg"),
    Layout(name="kinetics", holds="videos", module=f"{_HERE}._kinetics", shape="val/CLASS/*.mp4, 400 classes"),
    Layout(name="csv", holds="videos", module=f"{_HERE}._csv_file", shape="FILE.csv with the header path,label"),
    Layout(name="video-folder", holds="videos", module=f"{_HERE}._video_folder", shape="CLASS/*.mp4"),
    Layout(
        name="voc",
        holds="objects",
        module=f"{_HERE}._voc_objects",
        shape="Annotations/*.xml, JPEGImages/*.jpg, ImageSets/Main/val.txt",
    ),
    Layout(
        name="yolo",
        holds="objects",
        module=f"{_HERE}._yolo",
        shape="images/val/*.jpg, labels/val/*.txt, data.yaml or classes.txt",
    ),
    Layout(
        name="coco-label-maps",
        holds="label maps",
        module=f"{_HERE}._coco_label_maps",
        shape="val2017/*.jpg, annotations/instances_val2017.json",
    ),
    Layout(
        name="voc-label-maps",
        holds="label maps",
        module=f"{_HERE}._voc_label_maps",
        shape="JPEGImages/*.jpg, SegmentationClass/*.png, ImageSets/Segmentation/val.txt",
    ),
    Layout(
        name="label-map-folder",
        holds="label maps",
        module=f"{_HERE}._label_map_folder",
        shape="images/NAME.jpg, labels/NAME.png, categories.txt",
    ),
    Layout(
        name="sintel-clean",
        holds="flows",
        module=f"{_HERE}._sintel",
        shape="training/clean/SCENE/frame_0001.png, training/flow/SCENE/frame_0001.flo",
    ),
    Layout(
        name="sintel-final",
        holds="flows",
        module=f"{_HERE}._sintel_final",
        shape="training/final/SCENE/frame_0001.png, training/flow/SCENE/frame_0001.flo",
    ),
    Layout(
        name="kitti",
        holds="flows",
        module=f"{_HERE}._kitti",
        shape="training/image_2/000000_10.png, 000000_11.png, training/flow_occ/000000_10.png",
    ),
    Layout(
        name="flow-pairs",
        holds="flows",
        module=f"{_HERE}._flow_pairs",
        shape="NAME_img1.png, NAME_img2.png, NAME_flow.flo or NAME_flow.png of KITTI's form",
    ),
    Layout(name="coco", holds="objects", module=f"{_HERE}._coco", shape="annotations/*.json, with images beside it"),
)
"""The first that recognises a folder, of those that hold what a task needs, is taken: special ones come first."""


def open_dataset(
    root: Path | str, *, holds: str | None = None, layout: str | None = None, **options: Any
) -> Dataset[Any]:
    """Read a data set. Its layout is told from its files.

    Args:
        root: Its folder, or the file that lists it.
        holds: What its samples should be, as `Layout.holds` has it; by default whatever is recognised first.
        layout: The name of its layout, where that cannot be told.
        **options: What the layout's reader takes, such as `split`.

    Raises:
        DatasetError: It has no known layout, or is not whole.
        FileNotFoundError: There is nothing.

    Example:
        >>> from zoo_evaluation import open_dataset
        >>> open_dataset("my-photos/").layout
        'image-folder'
    """
    return find_layout(root, holds=holds, layout=layout).read(Path(root), **options)


def find_layout(root: Path | str, *, holds: str | None = None, layout: str | None = None) -> Layout:
    """Tell which layout a data set has.

    Args:
        root: Its folder, or the file that lists it.
        holds: As for `open_dataset`.
        layout: Likewise.

    Raises:
        DatasetError: It has none that is known.
        FileNotFoundError: There is nothing.

    Example:
        >>> from zoo_evaluation.datasets import find_layout
        >>> find_layout("my-photos/").shape
        'CLASS/*.jpg'
    """
    root = Path(root)
    if not root.exists():
        raise FileNotFoundError(f"{root} does not exist: expected the folder of a data set.")
    known = [each for each in LAYOUTS if holds is None or each.holds == holds]
    if layout is not None:
        chosen = [each for each in known if each.name == layout]
        if not chosen:
            raise DatasetError(f"There is no layout {layout!r}{_of(holds)}.{closest(layout, _names(known))}")
        return chosen[0]
    for each in known:
        if each.recognises(root):
            return each
    shapes = "".join(f"\n  {each.name}: {each.shape}" for each in known)
    raise DatasetError(f"{root} has none of the known layouts{_of(holds)}:{shapes}\nChoose one with --layout.")


def _names(layouts: Iterable[Layout]) -> list[str]:
    return [each.name for each in layouts]


def _of(holds: str | None) -> str:
    return "" if holds is None else f" of {holds}"
