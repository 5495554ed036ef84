"""Classification: pictures in, probabilities of the classes out."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo_core import WeightsEnum
from zoo_core.transforms import ImageClassification, preset_arguments
from zoo_export._exported import Exported
from zoo_export._facts import Facts, TensorFact
from zoo_export._program import Program, pixels_of, preset_of
from zoo_export._resize import ResizeAndCrop
from zoo_export._running import Pictures, RunningClassifier


class ClassificationProgram(Program):
    """Takes pictures of any size, and gives the probability of each class; raw, images of the network, and scores."""

    dynamic: ClassVar[tuple[str, ...]] = ("batch", "height", "width")
    dynamic_raw: ClassVar[tuple[str, ...] | None] = ("batch",)

    def __init__(self, model: nn.Module, weights: WeightsEnum, *, raw: bool = False, **options: Any) -> None:
        super().__init__(model, weights, raw=raw, **options)
        self.preset = preset_of(weights, ImageClassification)
        arguments = preset_arguments(self.preset)
        self.size: tuple[int, int] = (arguments["crop_size"][0], arguments["crop_size"][-1])
        self.resize = ResizeAndCrop(
            arguments["resize_size"], self.size, str(arguments["interpolation"]), arguments["antialias"]
        )
        self.register_buffer("mean", torch.tensor(arguments["mean"])[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(arguments["std"])[:, None, None], persistent=False)

    @property
    def inputs(self) -> tuple[TensorFact, ...]:
        """Pictures; raw, normalised images."""
        if self.raw:
            return (
                TensorFact("images", "float32", ("batch", 3, *self.size), "images as the preprocessing makes them"),
            )
        return (TensorFact("images", "uint8", ("batch", "height", "width", 3), "RGB pictures of one size"),)

    @property
    def outputs(self) -> tuple[TensorFact, ...]:
        """Probabilities; raw, scores."""
        classes = len(self.weights.meta["categories"])
        if self.raw:
            return (TensorFact("scores", "float32", ("batch", classes), "a score for each class, before softmax"),)
        return (TensorFact("probabilities", "float32", ("batch", classes), "a probability for each class"),)

    def from_pictures(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Return the pictures; raw, as the preset makes them."""
        return (self.preset(pictures.permute(0, 3, 1, 2)) if self.raw else pictures,)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Return the probabilities; raw, the scores."""
        if self.raw:
            return (self.model(images),)
        resized = self.resize(pixels_of(images)) / 255
        return (self.model((resized - self.mean) / self.deviation).softmax(dim=1),)

    @classmethod
    def pictures(cls, facts: Facts) -> nn.Module:
        """Pictures become tensors, and stay as they are."""
        return Pictures(facts)

    @classmethod
    def stand_in(cls, exported: Exported) -> nn.Module:
        """Return a network of which `softmax` gives the file's probabilities."""
        return RunningClassifier(exported)

    def reference(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return what the model gives by the preset of its weights."""
        if self.raw:
            return (self.model(inputs[0]),)
        return (self.model(self.preset(inputs[0].permute(0, 3, 1, 2))).softmax(dim=1),)
