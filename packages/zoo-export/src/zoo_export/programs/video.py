"""Classification of videos: clips in, probabilities of the classes out."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import Tensor, nn

from zoo_core import WeightsEnum
from zoo_core.transforms import VideoClassification, preset_arguments
from zoo_export._exported import Exported
from zoo_export._facts import Facts, TensorFact
from zoo_export._program import Program, preset_of
from zoo_export._resize import ResizeAndCrop
from zoo_export._running import Pictures, RunningClassifier


class VideoProgram(Program):
    """Takes clips of frames of any size, and gives the probability of each class; raw, normalised clips, and scores.

    A clip has the number of frames that the weights were trained with, at their frame rate. The probabilities of a
    video are the mean of those of clips spread over it: the caller cuts the clips, as a batch, and averages.

    Args:
        model: Gives logits `(N, classes)` for clips `(N, 3, T, H, W)`.
        weights: Of the network.
        raw: Whether the network alone is exported.
        num_frames: Of a clip; by default as many as the weights state.

    Raises:
        ValueError: `num_frames` is less than the network needs.
        ExportError: The weights prepare clips in a way that has no form here.
    """

    dynamic: ClassVar[tuple[str, ...]] = ("batch", "height", "width")
    dynamic_raw: ClassVar[tuple[str, ...] | None] = ("batch",)
    raw_options: ClassVar[frozenset[str] | None] = frozenset({"num_frames"})

    def __init__(
        self,
        model: nn.Module,
        weights: WeightsEnum,
        *,
        raw: bool = False,
        num_frames: int | None = None,
        **options: Any,
    ) -> None:
        meta = weights.meta
        frames = meta.get("clip_len", 16) if num_frames is None else num_frames
        smallest = max(1, meta.get("min_temporal_size", 1))
        if frames < smallest:
            raise ValueError(f"num_frames should be at least {smallest} for {weights}, found {frames}.")
        super().__init__(model, weights, raw=raw, num_frames=frames, **options)
        self.frames = frames
        self.preset = preset_of(weights, VideoClassification)
        arguments = preset_arguments(self.preset)
        self.size: tuple[int, int] = (arguments["crop_size"][0], arguments["crop_size"][-1])
        self.resize = ResizeAndCrop(
            arguments["resize_size"], self.size, str(arguments["interpolation"]), antialias=False
        )
        self.register_buffer("mean", torch.tensor(arguments["mean"])[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(arguments["std"])[:, None, None], persistent=False)

    @property
    def inputs(self) -> tuple[TensorFact, ...]:
        """Clips; raw, normalised ones."""
        meta = self.weights.meta
        rate = f", {meta['frame_rate']:g} a second" if "frame_rate" in meta else ""
        if self.raw:
            axes = ("batch", 3, self.frames, *self.size)
            return (TensorFact("clips", "float32", axes, f"clips as the preprocessing makes them{rate}"),)
        axes_of_frames = ("batch", self.frames, "height", "width", 3)
        return (TensorFact("clips", "uint8", axes_of_frames, f"RGB frames of clips, all of one size{rate}"),)

    @property
    def outputs(self) -> tuple[TensorFact, ...]:
        """Probabilities; raw, scores."""
        axes = ("batch", len(self.weights.meta["categories"]))
        if self.raw:
            return (TensorFact("scores", "float32", axes, "a score for each class, before softmax"),)
        text = "a probability for each class; those of a video are the mean of its clips'"
        return (TensorFact("probabilities", "float32", axes, text),)

    @property
    def meta(self) -> Mapping[str, Any]:
        """How clips are taken from videos."""
        known = ("frame_rate", "clips_per_video", "min_temporal_size")
        return {name: self.weights.meta[name] for name in known if name in self.weights.meta}

    def from_pictures(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Return clips that move across the pictures; raw, as the preset makes them."""
        clips = torch.stack([pictures.roll(2 * frame, dims=2) for frame in range(self.frames)], dim=1)
        return (self.preset(clips.permute(0, 1, 4, 2, 3)) if self.raw else clips,)

    def forward(self, clips: Tensor) -> tuple[Tensor]:
        """Return the probabilities; raw, the scores."""
        if self.raw:
            return (self.model(clips),)
        frames = clips.flatten(0, 1).permute(0, 3, 1, 2).to(torch.float32)
        normalised = (self.resize(frames) / 255 - self.mean) / self.deviation
        return (self.model(normalised.unflatten(0, (-1, self.frames)).transpose(1, 2)).softmax(dim=1),)

    @classmethod
    def pictures(cls, facts: Facts) -> nn.Module:
        """Frames stay as they are."""
        return _Clips(facts)

    @classmethod
    def stand_in(cls, exported: Exported) -> nn.Module:
        """Return a network of which `softmax` gives the file's probabilities."""
        return RunningClassifier(exported)

    def reference(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return what the model gives by the preset of its weights."""
        if self.raw:
            return (self.model(inputs[0]),)
        return (self.model(self.preset(inputs[0].permute(0, 1, 4, 2, 3))).softmax(dim=1),)


class _Clips(Pictures):
    """Takes uint8 clips `(..., T, 3, H, W)`, and gives them as `(..., 3, T, H, W)`."""

    def forward(self, picture: Tensor | Image.Image) -> Tensor:
        return super().forward(picture).transpose(-4, -3)
