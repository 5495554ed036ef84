"""Prediction of what videos show."""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from zoo_core import WeightsEnum
from zoo_core.drawing import with_caption
from zoo_core.prediction import Classification, Prediction, Predictor, ScoredLabel, scored_labels

from .io import read_clips

SHOWN = 4
"""How many frames a picture of a prediction has, side by side."""


class VideoPredictor(Predictor[Tensor, Tensor]):
    """Turns videos into their most probable classes: the mean of the probabilities of clips spread over a video.

    Args:
        model: Gives logits of shape (N, classes) for clips of shape (N, 3, T, H, W); put into evaluation mode.
        weights: The entry that the model was built with: its preprocessing, and the names of the classes.
        device: Where the model runs.
        topk: How many classes to report for each video.
        num_clips: How many clips to take from each video.
        num_frames: Frames of a clip, at least as many as the weights need.
        frame_rate: Frames a second within a clip.

    Raises:
        ValueError: `topk` or another number is less than 1.
    """

    def __init__(
        self,
        model: nn.Module,
        weights: WeightsEnum,
        *,
        device: str = "cpu",
        topk: int = 5,
        num_clips: int = 5,
        num_frames: int = 16,
        frame_rate: float = 15.0,
    ) -> None:
        for name, value in (("topk", topk), ("num_clips", num_clips), ("num_frames", num_frames)):
            if value < 1:
                raise ValueError(f"{name} should be at least 1, found {value}.")
        self.device = torch.device(device)
        self.model = model.eval().to(self.device)
        self.transforms = weights.transforms()
        self.categories = tuple(weights.meta["categories"])
        self.topk = min(topk, len(self.categories))
        self.num_clips = num_clips
        self.num_frames = max(num_frames, weights.meta.get("min_temporal_size", 1))
        self.frame_rate = frame_rate

    def read(self, paths: Sequence[Path]) -> Tensor:
        """Decode the clips of a video, uint8 (clips, T, 3, H, W)."""
        return read_clips(paths[0], num_frames=self.num_frames, frame_rate=self.frame_rate, num_clips=self.num_clips)

    def preprocess(self, decoded: Tensor) -> Tensor:
        """Return the model's input for one video, of shape (clips, 3, T, H, W)."""
        inputs: Tensor = self.transforms(decoded)
        return inputs

    @torch.inference_mode()
    def predict(self, inputs: Sequence[Tensor], sources: Sequence[str]) -> list[Classification]:
        """Predict the videos one after the other, the clips of each together; `sources` names them."""
        return [
            Classification(source, self._labels(self.model(clips.to(self.device)).softmax(dim=1).mean(dim=0)))
            for clips, source in zip(inputs, sources, strict=True)
        ]

    def draw(self, decoded: Tensor, prediction: Prediction) -> Image.Image:
        """Return frames of the video side by side, with its classes beneath them."""
        assert isinstance(prediction, Classification)
        frames = decoded.flatten(0, 1)
        chosen = frames[torch.linspace(0, len(frames) - 1, SHOWN).round().long()]
        strip = chosen.permute(2, 0, 3, 1).flatten(1, 2).contiguous()
        return with_caption(Image.fromarray(strip.numpy()), [str(label) for label in prediction.top])

    def _labels(self, probabilities: Tensor) -> tuple[ScoredLabel, ...]:
        scores, indices = (best.tolist() for best in probabilities.topk(self.topk))
        return scored_labels(scores, indices, self.categories)
