"""KITTI 2015: two images of a road, and the true flow where a laser scanner has seen it.

training/image_2/000000_10.png, 000000_11.png
training/flow_occ/000000_10.png
"""

from pathlib import Path

from ._dataset import Dataset, DatasetError
from ._flow_files import check_flow_files
from ._missing import left_out
from .pixel_samples import FlowSample

PUBLISHED = "Kitti-Train"


def recognises(root: Path) -> bool:
    """Tell whether there are images of the left camera, and flow."""
    training = _training(root)
    return (training / "image_2").is_dir() and (training / "flow_occ").is_dir()


def read(root: Path) -> Dataset[FlowSample]:
    """Read all pairs whose flow is there.

    Args:
        root: The data set's folder, or the one called `training` in it.

    Raises:
        DatasetError: There are no pairs, or flow is truncated.
    """
    training = _training(root)
    samples, missing = list[FlowSample](), list[str]()
    for flow in sorted((training / "flow_occ").glob("*_10.png")):
        first = training / "image_2" / flow.name
        second = first.with_name(f"{flow.stem.removesuffix('_10')}_11.png")
        if first.is_file() and second.is_file():
            samples.append(FlowSample(name=f"image_2/{flow.name}", paths=(first, second), flow=flow))
        else:
            missing.append(flow.name)
    if not samples:
        raise DatasetError(
            f"{training} has no pairs: expected image_2/000000_10.png, 000000_11.png and flow_occ/000000_10.png, ..."
        )
    check_flow_files(training, samples)
    return Dataset(
        layout="kitti",
        root=root,
        published=PUBLISHED,
        samples=tuple(samples),
        notes=left_out(missing, "pairs of images are missing"),
    )


def _training(root: Path) -> Path:
    return root / "training" if (root / "training").is_dir() else root
