"""Prediction of what videos show."""

import math
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, TypeAlias

import torch
from PIL import Image
from torch import Tensor, nn

from zoo_core import WeightsEnum
from zoo_core.drawing import with_caption
from zoo_core.embedding import Embedding, embeddings_of
from zoo_core.errors import MediaError
from zoo_core.inference import noise
from zoo_core.names import Later
from zoo_core.prediction import Classification, Prediction, Predictor, ScoredLabel, find_device, scored_labels
from zoo_core.transforms import VideoClassification

from .io import clip_times

if TYPE_CHECKING:
    from . import io
else:
    io = Later("zoo_video.io")  # imports PyAV

Keep: TypeAlias = Callable[[Tensor, Sequence[int]], Tensor]
"""What is kept of a frame `(3, H, W)`, and its places among the frames of all clips."""

SHOWN = 4
"""How many frames a picture of a prediction has, side by side."""


FRAMES_AT_ONCE = 80
"""How many frames of clips go through the model together, unless a single clip has more: activations take memory."""


SHOWN_SIDE = 512
"""Pixels of the longer edge of a frame in a picture, at most."""

_one_file_at_a_time = threading.Lock()
"""Files that are open already are wound, and the same may be there twice."""


@dataclass(frozen=True, slots=True)
class DecodedClips:
    """What is kept of a video: its clips in the size that the model takes them in, and a few frames to be drawn.

    Args:
        inputs: The model's input, float32 `(clips, 3, T, H, W)`.
        shown: Frames, spread over the clips.
    """

    inputs: Tensor
    shown: tuple[Image.Image, ...]


class ClipsPredictor(Predictor[DecodedClips, Tensor]):
    """Reads clips of videos, and runs a model on them. A predictor adds what is made of the model's outputs.

    Args:
        model: Gives a tensor (N, ...) for clips of shape (N, 3, T, H, W); put into evaluation mode.
        weights: The entry that the model was built with: its preprocessing.
        device: Where the model runs.
        num_clips: How many clips to take from each video; by default what the entry states as `clips_per_video`, or 5.
        num_frames: Frames of a clip, at least as many as the weights need; by default the entry's `clip_len`, or 16.
        frame_rate: Frames a second within a clip; by default the entry's own, or 15.

    Raises:
        ValueError: A number is less than 1, or `frame_rate` is not positive.
    """

    media = "videos"

    def __init__(
        self,
        model: nn.Module,
        weights: WeightsEnum,
        *,
        device: str = "cpu",
        num_clips: int | None = None,
        num_frames: int | None = None,
        frame_rate: float | None = None,
    ) -> None:
        meta = weights.meta
        num_clips = meta.get("clips_per_video", 5) if num_clips is None else num_clips
        num_frames = meta.get("clip_len", 16) if num_frames is None else num_frames
        frame_rate = meta.get("frame_rate", 15.0) if frame_rate is None else frame_rate
        for name, value in (("num_clips", num_clips), ("num_frames", num_frames)):
            _check_at_least_1(name, value)
        if not 0 < frame_rate < math.inf:
            raise ValueError(f"frame_rate should be a positive number of frames a second, found {frame_rate}.")
        self.device = find_device(device)
        self.model = model.eval().to(self.device)
        self.transforms = weights.transforms()
        # The preset of published weights treats each frame alike; of another it is not known.
        self._takes_whole_clips = not isinstance(self.transforms, VideoClassification)
        self.num_clips = num_clips
        self.num_frames = max(num_frames, meta.get("min_temporal_size", 1))
        self.frame_rate = frame_rate

    def read(self, files: "Sequence[io.VideoSource | Tensor]") -> DecodedClips:
        """Decode the clips of a video. Each frame becomes as small as the model takes it before the next is decoded.

        Args:
            files: One: a path, bytes, a file, or all frames of a video, uint8 `(T, 3, H, W)`, `frame_rate` a second.
        """
        (file,) = files
        places = torch.linspace(0, self.num_clips * self.num_frames - 1, SHOWN).round().long().tolist()
        shown: dict[int, Image.Image] = {}

        def keep(frame: Tensor, found_at: Sequence[int]) -> Tensor:
            if not set(places).isdisjoint(found_at):
                shown.update(dict.fromkeys(found_at, _small_picture(frame)))
            return frame if self._takes_whole_clips else self._prepared(frame, file)

        frames = self._frames_of_tensor(keep, file) if isinstance(file, Tensor) else self._frames_of_file(keep, file)
        count, length = self.num_clips, self.num_frames
        if self._takes_whole_clips:
            inputs: Tensor = self.transforms(torch.stack(frames).view(count, length, *frames[0].shape))
        else:
            of_all = torch.cat(frames, 1)
            inputs = of_all.view(3, count, length, *of_all.shape[2:]).transpose(0, 1).contiguous()
        return DecodedClips(inputs, tuple(shown[place] for place in places))

    def _frames_of_file(self, keep: Keep, file: "io.VideoSource") -> list[Tensor]:
        from .io import FrameReader  # imports PyAV

        in_turn = nullcontext() if isinstance(file, (str, PathLike, bytes)) else _one_file_at_a_time
        with in_turn, FrameReader.open(file) as reader:
            return reader.map_clips(
                keep, num_frames=self.num_frames, frame_rate=self.frame_rate, num_clips=self.num_clips
            )

    def _frames_of_tensor(self, keep: Keep, video: Tensor) -> list[Tensor]:
        """Do as `FrameReader.map_clips`, for frames that are there."""
        clips = clip_times(
            (len(video) - 1) / self.frame_rate,
            num_frames=self.num_frames,
            frame_rate=self.frame_rate,
            num_clips=self.num_clips,
        )
        numbers = [min(round(time * self.frame_rate), len(video) - 1) for clip in clips for time in clip]
        places: dict[int, list[int]] = {}
        for place, number in enumerate(numbers):
            places.setdefault(number, []).append(place)
        results = {number: keep(video[number], found_at) for number, found_at in places.items()}
        return [results[number] for number in numbers]

    def preprocess(self, decoded: DecodedClips) -> Tensor:
        """Return the model's input for one video, of shape (clips, 3, T, H, W)."""
        return decoded.inputs

    def _prepared(self, frame: Tensor, file: "io.VideoSource | Tensor") -> Tensor:
        """Return what the preset makes of one frame."""
        try:
            prepared: Tensor = self.transforms(frame.unsqueeze(0))
        except (MemoryError, RuntimeError) as error:  # torch says so in a RuntimeError
            found = f"{frame.shape[2]} x {frame.shape[1]}"
            named = f"{str(file)!r}: " if isinstance(file, (str, PathLike)) else ""
            raise MediaError(f"{named}frames of {found} pixels cannot be resized: {error}") from error
        return prepared

    def outputs(self, clips: Tensor) -> Tensor:
        """Return what the model gives for each clip of a video, `(clips, ...)`; a few go through it at once."""
        together = torch.split(clips, max(1, FRAMES_AT_ONCE // clips.shape[2]))
        return torch.cat([self.model(some.to(self.device)) for some in together])


class VideoPredictor(ClipsPredictor):
    """Turns videos into their most probable classes: the mean of the probabilities of clips spread over a video.

    Args:
        model: Gives logits of shape (N, classes) for clips of shape (N, 3, T, H, W); put into evaluation mode.
        weights: The entry that the model was built with: its preprocessing, and the names of the classes.
        device: Where the model runs.
        topk: How many classes to report for each video.
        num_clips: How many clips to take from each video; by default what the entry states as `clips_per_video`, or 5.
        num_frames: Frames of a clip, at least as many as the weights need; by default the entry's `clip_len`, or 16.
        frame_rate: Frames a second within a clip; by default the entry's own, or 15.

    Raises:
        ValueError: `topk` or another number is less than 1, or `frame_rate` is not positive.
    """

    def __init__(
        self,
        model: nn.Module,
        weights: WeightsEnum,
        *,
        device: str = "cpu",
        topk: int = 5,
        num_clips: int | None = None,
        num_frames: int | None = None,
        frame_rate: float | None = None,
    ) -> None:
        _check_at_least_1("topk", topk)
        super().__init__(
            model, weights, device=device, num_clips=num_clips, num_frames=num_frames, frame_rate=frame_rate
        )
        self.categories = tuple(weights.meta["categories"])
        self.topk = min(topk, len(self.categories))

    @torch.inference_mode()
    def predict(self, inputs: Sequence[Tensor], sources: Sequence[str]) -> list[Classification]:
        """Predict the videos one after the other, a few clips of each at once; `sources` names them."""
        return [
            Classification(source, self._labels(self.outputs(clips).softmax(dim=1).mean(dim=0)))
            for clips, source in zip(inputs, sources, strict=True)
        ]

    def draw(self, decoded: DecodedClips, prediction: Prediction) -> Image.Image:
        """Return frames of the video side by side, with its classes beneath them."""
        assert isinstance(prediction, Classification)
        width, height = decoded.shown[0].size
        strip = Image.new("RGB", (width * len(decoded.shown), height))
        for place, frame in enumerate(decoded.shown):
            strip.paste(frame, (place * width, 0))
        return with_caption(strip, [str(label) for label in prediction.top])

    def _labels(self, probabilities: Tensor) -> tuple[ScoredLabel, ...]:
        scores, indices = (best.tolist() for best in probabilities.topk(self.topk))
        return scored_labels(scores, indices, self.categories)


class VideoEmbedder(ClipsPredictor):
    """Turns videos into vectors: the mean of the features of clips spread over a video.

    Args:
        model: Gives features (N, D) for clips (N, 3, T, H, W), as `zoo_core.embedding.PooledFeatures` does.
        weights: The entry that the model was built with: its preprocessing.
        device: Where the model runs.
        normalize: Whether vectors get the length 1, so that their products are cosines.
        num_clips: As for `VideoPredictor`.
        num_frames: Likewise.
        frame_rate: Likewise.
    """

    def __init__(
        self,
        model: nn.Module,
        weights: WeightsEnum,
        *,
        device: str = "cpu",
        normalize: bool = False,
        num_clips: int | None = None,
        num_frames: int | None = None,
        frame_rate: float | None = None,
    ) -> None:
        super().__init__(
            model, weights, device=device, num_clips=num_clips, num_frames=num_frames, frame_rate=frame_rate
        )
        self.normalize = normalize

    @torch.inference_mode()
    def predict(self, inputs: Sequence[Tensor], sources: Sequence[str]) -> list[Embedding]:
        """Embed the videos one after the other, a few clips of each at once; `sources` names them."""
        features = torch.stack([self.outputs(clips).mean(dim=0) for clips in inputs])
        return embeddings_of(features, sources, normalize=self.normalize)


def example(model: nn.Module, *_: object) -> tuple[Tensor]:
    """Return a clip to try a model with, of the size that it wants, if it says so."""
    return (noise(model, 1, 3, *getattr(model, "clip_size", (16, 224, 224))),)


def _small_picture(frame: Tensor) -> Image.Image:
    """Return a frame, uint8 `(3, H, W)`, as a picture to be drawn."""
    step = max(1, max(frame.shape[1:]) // (4 * SHOWN_SIDE))  # so that large frames take no more memory than others
    picture = Image.fromarray(frame[:, ::step, ::step].permute(1, 2, 0).contiguous().numpy())
    picture.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    return picture


def _check_at_least_1(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} should be at least 1, found {value}.")
