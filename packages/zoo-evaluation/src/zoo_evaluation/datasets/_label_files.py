"""Label maps in files, and whether they fit their images."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoo_core.errors import MediaError
from zoo_core.images import read_image

from ._dataset import DatasetError
from .pixel_samples import LabelFileSample

IGNORED = 255
"""The class of pixels that do not count, as Pascal VOC has it."""
_TOLD = 3
"""How many problems a message lists."""


def read_label_map(path: Path) -> NDArray[np.uint8]:
    """Read the classes of pixels: palette indices, or grey values up to 255.

    Returns:
        uint8 `(H, W)`.

    Raises:
        DatasetError: The file cannot be read, or is a picture instead.
    """
    try:
        with Image.open(path) as image:
            pixels, mode = np.asarray(image), image.mode
    except Exception as error:  # whatever Pillow finds wrong
        raise DatasetError(f"{path} cannot be read as a label map: {error}.") from error
    if mode not in {"P", "L", "1", "I", "I;16"}:
        raise DatasetError(
            f"{path} is a picture of mode {mode}: expected a PNG file of palette indices or grey values, "
            "the place of each pixel's class among the categories."
        )
    if int(pixels.max(initial=0)) > IGNORED:
        raise DatasetError(f"{path} has values up to {int(pixels.max())}: classes are from 0 to {IGNORED}.")
    return pixels.astype(np.uint8)


def check_label_files(root: Path, samples: Sequence[LabelFileSample], num_classes: int) -> None:
    """Check that all label maps can be read, have the size of their images, and known classes alone.

    Raises:
        DatasetError: Some are not so; the text names the first ones.
    """

    def problem(sample: LabelFileSample) -> str:
        return _problem(sample, num_classes)

    with ThreadPoolExecutor(4) as threads:
        found = [told for told in threads.map(problem, samples) if told]
    if found:
        lines = "".join(f"\n  {told}" for told in found[:_TOLD])
        raise DatasetError(
            f"{len(found)} of {len(samples)} label maps of {root} do not fit their images or the classes:{lines}"
            + ("\n  ..." if len(found) > _TOLD else "")
        )


def _problem(sample: LabelFileSample, num_classes: int) -> str:
    try:
        labels = sample.label_map()
    except DatasetError as error:
        return str(error)
    known = labels[labels != IGNORED]
    if known.size and known.max() >= num_classes:
        return (
            f"{sample.labels} has class {known.max()}, and there are {num_classes}, from 0 to {num_classes - 1}: name "
            f"all of them, or mark pixels that do not count with {IGNORED}."
        )
    size = _size_of(sample.paths[0], labels.shape)
    if size is not None and size != labels.shape:
        return (
            f"{sample.labels} has {labels.shape[1]} x {labels.shape[0]} pixels, its image {size[1]} x {size[0]}: both "
            "should have the same size."
        )
    return ""


def _size_of(path: Path, expected: tuple[int, ...]) -> tuple[int, int] | None:
    """Return an image's height and width; `None` if it cannot be read, which the run tells."""
    try:
        with Image.open(path) as image:
            size = image.height, image.width
        if size != expected:  # lying on its side, perhaps
            upright = read_image(path)
            size = upright.height, upright.width
    except (OSError, SyntaxError, MediaError):
        return None
    return size
