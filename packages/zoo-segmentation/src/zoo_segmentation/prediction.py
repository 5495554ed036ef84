"""Prediction of the classes of pixels."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from zoo_core import WeightsEnum
from zoo_core.images import ImageSource, read_image
from zoo_core.prediction import Prediction, Predictor, apply_by_shape, find_device, rounded_repr, stamp

from .masks import class_shares, label_map, overlay, to_image

_SIZES = ("image", "input")


def check_labels_at(labels_at: str) -> None:
    """Raise a `ValueError` where it is not a size that label maps can be given at: `"image"` or `"input"`."""
    if labels_at not in _SIZES:
        raise ValueError(f"labels_at is {' or '.join(map(repr, _SIZES))}, found {labels_at!r}.")


@dataclass(frozen=True, slots=True)
class ClassShare:
    """A class and how much of the image it has.

    Args:
        label: The class's name.
        index: Its place in the weights' categories.
        share: Its share of the pixels, in (0, 1].
    """

    label: str
    index: int
    share: float

    def to_dict(self) -> dict[str, Any]:
        """Return the class as JSON takes it."""
        return {"label": self.label, "index": self.index, "share": self.share}

    __repr__ = rounded_repr

    def __str__(self) -> str:
        return f"{self.label} {self.share:.1%}"


@dataclass(frozen=True, slots=True)
class Segmentation(Prediction):
    """The classes of an image's pixels."""

    raw_suffix = ".png"
    classes: tuple[ClassShare, ...]
    """Those that occur, the largest area first."""
    labels: Image.Image = field(repr=False, compare=False)
    """The class of each pixel, an image of mode `"P"` and of the size asked for, as `masks.to_image` gives it."""

    def to_dict(self) -> dict[str, Any]:
        """Return the classes as JSON takes them, without those of single pixels."""
        return {"source": self.source, "classes": [found.to_dict() for found in self.classes]}

    def summary(self) -> str:
        """Return the classes with their shares of the pixels."""
        return "  ".join(map(str, self.classes))

    def write_raw(self, path: Path) -> None:
        """Write the class of each pixel as a PNG file with a palette, whose pixels are the indices of the classes."""
        self.labels.save(path, "PNG", pnginfo=stamp(self.source))


@dataclass(frozen=True, slots=True)
class ImageInput:
    """A model's input for one image, `(3, H, W)`, and the image's own height and width."""

    pixels: Tensor
    size: tuple[int, int]


class SegmentationPredictor(Predictor[Image.Image, ImageInput]):
    """Turns images into maps of their pixels' classes.

    Args:
        model: Gives a mapping with the scores `"out"`, `(N, C, H, W)`, of images `(N, 3, H, W)`, or with their classes
            `"labels"`, `(N, height, width)`, at the size that `labels_at` says; put into evaluation mode.
        weights: The entry that the model was built with: its preprocessing, and the names of the classes.
        device: Where the model runs.
        labels_at: At which size label maps are given: at that of the `"image"` itself, or of the model's `"input"`,
            which is where published numbers are compared.

    Raises:
        ValueError: `labels_at` is something else.
    """

    def __init__(
        self, model: nn.Module, weights: WeightsEnum, *, device: str = "cpu", labels_at: str = "image"
    ) -> None:
        check_labels_at(labels_at)
        self.labels_at = labels_at
        self.device = find_device(device)
        self.model = model.eval().to(self.device)
        self.transforms = weights.transforms()
        self.categories = tuple(weights.meta["categories"])

    def read(self, files: Sequence[ImageSource]) -> Image.Image:
        """Decode an image."""
        return read_image(files[0])

    def preprocess(self, decoded: Image.Image) -> ImageInput:
        """Return the model's input for one image."""
        return ImageInput(self.transforms(decoded), (decoded.height, decoded.width))

    @torch.inference_mode()
    def predict(self, inputs: Sequence[ImageInput], sources: Sequence[str]) -> list[Segmentation]:
        """Predict one batch of preprocessed images; `sources` names them."""
        results = apply_by_shape(self._run, [image.pixels for image in inputs])
        return [
            self._segmentation(source, self._labels(found, image))
            for source, found, image in zip(sources, results, inputs, strict=True)
        ]

    def draw(self, decoded: Image.Image, prediction: Prediction) -> Image.Image:
        """Return the image, at the label map's size, with its classes in colours, and their names beneath it."""
        assert isinstance(prediction, Segmentation)
        labels = prediction.labels
        shown = decoded if decoded.size == labels.size else decoded.resize(labels.size, Image.Resampling.BILINEAR)
        return overlay(shown, labels, self.categories)

    def _run(self, images: Tensor) -> Tensor:
        """Return scores `(N, C, H, W)`, or classes `(N, height, width)`."""
        found = self.model(images.to(self.device))
        result: Tensor = found["labels"] if "labels" in found else found["out"]
        return result

    def _labels(self, found: Tensor, image: ImageInput) -> Tensor:
        """Return the classes of an image's pixels, from its scores `(C, H, W)` if it is not them that were found."""
        if found.dim() == 2:
            return found
        height, width = image.pixels.shape[-2:]
        return label_map(found, (height, width) if self.labels_at == "input" else image.size)

    def _segmentation(self, source: str, labels: Tensor) -> Segmentation:
        shares = class_shares(labels).items()
        classes = tuple(ClassShare(self.categories[index], index, share) for index, share in shares)
        return Segmentation(source, classes, to_image(labels))
