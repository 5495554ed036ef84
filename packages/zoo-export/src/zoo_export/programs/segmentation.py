"""Segmentation: pictures in, the class of each pixel out."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo_core import WeightsEnum
from zoo_core.transforms import SemanticSegmentation, preset_arguments
from zoo_export._exported import Exported
from zoo_export._facts import Facts, TensorFact
from zoo_export._program import Program, pixels_of, preset_of
from zoo_export._resize import Resize, resize_to
from zoo_export._running import Pictures, RunningFile


class SegmentationProgram(Program):
    """Takes pictures of any size, and gives the class of each pixel; raw, images of the network, and scores.

    Args:
        model: Gives a mapping with the scores `"out"`, `(N, C, H, W)`, of images `(N, 3, H, W)`.
        weights: Of the network.
        raw: Whether the network alone is exported.
        labels_at: At which size classes are given, as the predictor's option: that of the `"image"` itself, or of the
            network's `"input"`.

    Raises:
        ValueError: `labels_at` is something else.
        ExportError: The weights prepare pictures in a way that has no form here.
    """

    dynamic: ClassVar[tuple[str, ...]] = ("batch", "height", "width")
    raw_options: ClassVar[frozenset[str] | None] = frozenset()
    tolerance: ClassVar[float] = 1e-2

    def __init__(
        self, model: nn.Module, weights: WeightsEnum, *, raw: bool = False, labels_at: str = "image", **options: Any
    ) -> None:
        from zoo_segmentation.prediction import check_labels_at

        check_labels_at(labels_at)
        super().__init__(model, weights, raw=raw, **({} if raw else {"labels_at": labels_at}), **options)
        self.labels_at = labels_at
        self.preset = preset_of(weights, SemanticSegmentation)
        arguments = preset_arguments(self.preset)
        self.resize = Resize(arguments["resize_size"], str(arguments["interpolation"]), arguments["antialias"])
        self.register_buffer("mean", torch.tensor(arguments["mean"])[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(arguments["std"])[:, None, None], persistent=False)

    @property
    def inputs(self) -> tuple[TensorFact, ...]:
        """Pictures; raw, normalised images."""
        if self.raw:
            text = "images as the preprocessing makes them"
            return (TensorFact("images", "float32", ("batch", 3, "height", "width"), text),)
        return (TensorFact("images", "uint8", ("batch", "height", "width", 3), "RGB pictures of one size"),)

    @property
    def outputs(self) -> tuple[TensorFact, ...]:
        """Classes; raw, scores."""
        if self.raw:
            axes = ("batch", len(self.weights.meta["categories"]), "height", "width")
            return (TensorFact("scores", "float32", axes, "a score of each class for each pixel, before softmax"),)
        if self.labels_at == "input":
            text = "the class of each pixel of the resized pictures"
            return (TensorFact("labels", "uint8", ("batch", "input_height", "input_width"), text),)
        return (TensorFact("labels", "uint8", ("batch", "height", "width"), "the class of each pixel"),)

    def from_pictures(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Return the pictures; raw, as the preset makes them."""
        return (self.preset(pictures.permute(0, 3, 1, 2)) if self.raw else pictures,)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Return the classes; raw, the scores."""
        if self.raw:
            return (self.model(images)["out"],)
        normalised = (self.resize(pixels_of(images)) / 255 - self.mean) / self.deviation
        scores = self.model(normalised)["out"]
        if self.labels_at == "image":
            scores = resize_to(scores, images.shape[1], images.shape[2])
        return (scores.argmax(dim=1).to(torch.uint8),)

    @classmethod
    def pictures(cls, facts: Facts) -> nn.Module:
        """Pictures become tensors, and stay as they are."""
        return Pictures(facts)

    @classmethod
    def stand_in(cls, exported: Exported) -> nn.Module:
        """Return a network that gives the file's classes, or, of a raw file, its scores."""
        return _RunningSegmenter(exported)

    def reference(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return what the predictor gives by the preset of the weights."""
        from zoo_segmentation.masks import label_map

        if self.raw:
            return (self.model(inputs[0])["out"],)
        scores = self.model(self.preset(inputs[0].permute(0, 3, 1, 2)))["out"]
        size = (inputs[0].shape[1], inputs[0].shape[2]) if self.labels_at == "image" else None
        return (label_map(scores, size).to(torch.uint8),)

    def compare(
        self, found: Sequence[Tensor], expected: Sequence[Tensor], tolerance: float | None = None
    ) -> tuple[float, bool]:
        """Compare classes, pixel by pixel.

        Args:
            found: The output.
            expected: That of the model.
            tolerance: The largest difference that is allowed; by default the program's own.

        Returns:
            The share of the pixels that have another class, or, raw, the largest difference of scores in deviations of
            the expected ones; and whether that is within the tolerance, and forms agree.
        """
        (one,), (other,) = found, expected
        if one.shape != other.shape:
            return float("inf"), False
        if self.raw:
            difference = ((one - other).abs().max() / other.std().clamp(min=1e-6)).item()
        else:
            difference = (one != other).double().mean().item()
        return difference, difference <= self.allowed(tolerance)


class _RunningSegmenter(RunningFile):
    """Takes pictures uint8 `(N, 3, H, W)`, and gives `"labels"`; for a raw file, images, and gives scores `"out"`."""

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        if self.raw:
            return {"out": self.run_batches(images)}
        return {"labels": self.run_batches(images.movedim(1, -1))}
