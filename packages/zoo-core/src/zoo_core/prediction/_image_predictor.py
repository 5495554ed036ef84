"""What predictors have in common whose models take batches of single images."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from PIL import Image
from torch import Tensor, nn

from zoo_core._weights import WeightsEnum
from zoo_core.images import ImageSource, read_image

from ._devices import find_device
from ._predictor import Predictor, apply_by_shape


class ImagePredictor(Predictor[Image.Image, Tensor]):
    """Reads images, and runs a model on them. A predictor adds what is made of the model's outputs.

    Args:
        model: Gives a tensor (N, ...) for images of shape (N, 3, H, W); put into evaluation mode.
        weights: The entry that the model was built with: its preprocessing.
        device: Where the model runs.
    """

    most_at_once: ClassVar[int] = 4

    def __init__(self, model: nn.Module, weights: WeightsEnum, *, device: str = "cpu") -> None:
        self.device = find_device(device)
        self.model = model.eval().to(self.device)
        self.transforms = weights.transforms()

    def read(self, files: Sequence[ImageSource]) -> Image.Image:
        """Decode an image."""
        return read_image(files[0])

    def preprocess(self, decoded: Image.Image) -> Tensor:
        """Return the model's input for one image, of shape (3, H, W)."""
        inputs: Tensor = self.transforms(decoded)
        return inputs

    def outputs(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return what the model gives for preprocessed images, (N, ...); those of one shape go through it together."""
        return torch.stack(apply_by_shape(lambda images: self.model(images.to(self.device)), inputs))
