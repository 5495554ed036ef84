"""MPI Sintel: frames of a film, rendered in two ways, with their true flow.

training/clean/SCENE/frame_0001.png
training/final/SCENE/frame_0001.png
training/flow/SCENE/frame_0001.flo
"""

from functools import partial
from pathlib import Path

from ._dataset import Dataset, DatasetError
from ._flow_files import check_flow_files
from ._missing import left_out
from .pixel_samples import FlowSample

PUBLISHED = {"clean": "Sintel-Train-Cleanpass", "final": "Sintel-Train-Finalpass"}


def recognises_pass(root: Path, *, rendering: str) -> bool:
    """Tell whether there are frames of a pass, and flow."""
    training = _training(root)
    return (training / rendering).is_dir() and (training / "flow").is_dir()


def read_pass(root: Path, *, rendering: str) -> Dataset[FlowSample]:
    """Read all pairs of consecutive frames whose flow is there.

    Args:
        root: The data set's folder, or the one called `training` in it.
        rendering: `"clean"` or `"final"`.

    Raises:
        DatasetError: There are no pairs, or flow is truncated.
    """
    training = _training(root)
    samples, missing = list[FlowSample](), list[str]()
    for flow in sorted((training / "flow").glob("*/frame_*.flo")):
        scene, number = training / rendering / flow.parent.name, int(flow.stem.partition("_")[2])
        pair = (scene / f"{flow.stem}.png", scene / f"frame_{number + 1:04d}.png")
        name = pair[0].relative_to(training).as_posix()
        if all(path.is_file() for path in pair):
            samples.append(FlowSample(name=name, paths=pair, flow=flow))
        else:
            missing.append(name)
    if not samples:
        raise DatasetError(
            f"{training} has no pairs: expected {rendering}/SCENE/frame_0001.png, frame_0002.png, ... and "
            "flow/SCENE/frame_0001.flo, ..."
        )
    check_flow_files(training, samples)
    return Dataset(
        layout=f"sintel-{rendering}",
        root=root,
        published=PUBLISHED[rendering],
        samples=tuple(samples),
        notes=left_out(missing, "pairs of frames are missing"),
    )


recognises = partial(recognises_pass, rendering="clean")
read = partial(read_pass, rendering="clean")


def _training(root: Path) -> Path:
    return root / "training" if (root / "training").is_dir() else root
