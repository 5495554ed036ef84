"""Prediction of classes."""

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor, nn

from zoo_core._weights import WeightsEnum

from ._image_predictor import ImagePredictor
from ._results import Classification, Prediction, scored_labels


class ClassificationPredictor(ImagePredictor):
    """Turns images into their most probable classes.

    Args:
        model: Gives logits of shape (N, classes) for images of shape (N, 3, H, W); put into evaluation mode.
        weights: The entry that the model was built with: its preprocessing, and the names of the classes.
        device: Where the model runs.
        topk: How many classes to report for each image.

    Raises:
        ValueError: `topk` is less than 1.
    """

    def __init__(self, model: nn.Module, weights: WeightsEnum, *, device: str = "cpu", topk: int = 5) -> None:
        if topk < 1:
            raise ValueError(f"topk is the number of classes to report: expected at least 1, found {topk}.")
        super().__init__(model, weights, device=device)
        self.categories = tuple(weights.meta["categories"])
        self.topk = min(topk, len(self.categories))

    @torch.inference_mode()
    def predict(self, inputs: Sequence[Tensor], sources: Sequence[str]) -> list[Classification]:
        """Predict one batch of preprocessed images; `sources` names them."""
        logits = self.outputs(inputs)
        if logits.shape[1] != len(self.categories):
            raise ValueError(f"The model gives {logits.shape[1]} classes, and its weights name {len(self.categories)}.")
        scores, indices = (best.tolist() for best in logits.softmax(dim=1).topk(self.topk, dim=1))
        return [
            Classification(source, scored_labels(image_scores, image_indices, self.categories))
            for source, image_scores, image_indices in zip(sources, scores, indices, strict=True)
        ]

    def draw(self, decoded: Image.Image, prediction: Prediction) -> Image.Image:
        """Return the image with its classes beneath it."""
        from zoo_core.drawing import with_caption

        assert isinstance(prediction, Classification)
        return with_caption(decoded, [str(label) for label in prediction.top])
