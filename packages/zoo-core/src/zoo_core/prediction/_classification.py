"""Prediction of classes."""

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor, nn

from ._results import Classification, ScoredLabel


class ClassificationPredictor:
    """Turns images into their most probable classes.

    Args:
        model: Gives logits of shape (N, classes) for images of shape (N, 3, H, W); put into evaluation mode.
        transforms: The preprocessing that goes with the model's weights.
        categories: The classes' names, in the order of the logits.
        device: Where the model runs.
        topk: How many classes to report for each image.

    Raises:
        ValueError: `topk` is less than 1.
    """

    def __init__(
        self, model: nn.Module, transforms: nn.Module, categories: Sequence[str], *, device: str = "cpu", topk: int = 5
    ) -> None:
        if topk < 1:
            raise ValueError(f"topk is the number of classes to report: expected at least 1, found {topk}.")
        self.device = torch.device(device)
        self.model = model.eval().to(self.device)
        self.transforms = transforms
        self.categories = tuple(categories)
        self.topk = min(topk, len(self.categories))

    def preprocess(self, image: Image.Image) -> Tensor:
        """Return the model's input for one image, of shape (3, H, W)."""
        inputs: Tensor = self.transforms(image)
        return inputs

    @torch.inference_mode()
    def predict(self, inputs: Sequence[Tensor], sources: Sequence[str]) -> list[Classification]:
        """Predict one batch of preprocessed images; `sources` names them."""
        batch = torch.stack(list(inputs)).to(self.device)
        scores, indices = self.model(batch).softmax(dim=1).topk(self.topk, dim=1)
        return [
            Classification(source, tuple(map(self._label, image_indices, image_scores)))
            for source, image_indices, image_scores in zip(sources, indices.tolist(), scores.tolist(), strict=True)
        ]

    def _label(self, index: int, score: float) -> ScoredLabel:
        return ScoredLabel(self.categories[index], index, score)
