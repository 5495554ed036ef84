"""What data sets hold, one sample at a time: files to predict on, and what is true of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One thing to predict on, and, in the classes below, what is true of it.

    Args:
        name: Which one, the same on every machine: the path below the data set's folder, with forward slashes.
        paths: The file or the two files that a model reads.
    """

    name: str
    paths: tuple[Path, ...]

    def __str__(self) -> str:
        return self.name

    def truth(self) -> object:
        """Return what is true of it, as JSON takes it: a data set's digest is made of that."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassSample(Sample):
    """An image or a video that shows one class.

    Args:
        label: The class's place in the data set's `categories`.
    """

    label: int

    def truth(self) -> int:
        """Return the label."""
        return self.label


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectsSample(Sample):
    """An image with objects.

    Args:
        image_id: By which annotations and results name the image.
        height: Of the image, in pixels.
        width: Of the image, in pixels.
        objects: Annotations as COCO has them: `id`, `category_id`, `bbox` (x, y, width, height in pixels), `area`,
            `iscrowd`, and, where they are known, `segmentation`, `keypoints`, `num_keypoints`.
    """

    image_id: int
    height: int
    width: int
    objects: tuple[Mapping[str, Any], ...]

    def truth(self) -> object:
        """Return the annotations."""
        return [self.image_id, self.height, self.width, [dict(found) for found in self.objects]]
