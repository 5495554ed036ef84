"""Predicting on the frames of videos with models that take images."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from zoo_core._registry import all_tasks
from zoo_core.errors import MediaError
from zoo_core.names import Later

from ._pipeline import Outcome, run_decoding
from ._predictor import Predictor
from ._results import Failure, Prediction
from ._sources import FrameSource, Source

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = Later("PIL.Image")


class VideoWriter(Protocol):
    """A video that is being written; pictures of other sizes than the first one's are brought to it."""

    def add(self, picture: "Image.Image", time: float) -> None:
        """Append a picture, shown from that time on, in seconds; times rise."""

    def close(self) -> None:
        """Finish the file, which is not a video before."""


class VideoModule(Protocol):
    """What a task on videos refers to as `frames`: the reading and writing of videos."""

    SUFFIX: str
    """Of the files that are written."""

    def iterate_frames(self, path: Path, every: int) -> "Iterator[tuple[int, float, Image.Image]]":
        """Yield each `every`-th frame of a video, with its number and its time in seconds."""

    def write_frames(self, path: Path, source: str) -> VideoWriter:
        """Begin a new file, which tells of which source it was drawn."""

    def drawn_from(self, path: Path) -> str | None:
        """Return which source zoo has drawn a video of; `None` for whatever else there is under the path."""


@dataclass(frozen=True, slots=True)
class FramesOfVideo(Prediction):
    """That a video has been predicted on, frame by frame."""

    frames: int
    """How many."""

    def to_dict(self) -> dict[str, Any]:
        """Return the number of frames as JSON takes it."""
        return {"source": self.source, "frames": self.frames}

    def summary(self) -> str:
        """Return the number of frames."""
        return f"{self.frames} frame{'' if self.frames == 1 else 's'}"


def video_module() -> VideoModule:
    """Import what reads and writes videos, of the task that brings it.

    Raises:
        ValueError: There is none here; the message says what to install.
    """
    module = next((task.frames for task in all_tasks() if task.frames is not None), None)
    try:
        if module is None:
            raise ModuleNotFoundError("no package that is installed reads videos")
        return cast("VideoModule", import_module(module))
    except ImportError as error:
        raise ValueError(f"The frames of videos are read with zoo-video: pip install zoo-video ({error}).") from error


def run_frames(
    predictor: Predictor[Any, Any],
    videos: Iterable[Source],
    every: int,
    is_chosen: Callable[[Source], bool],
    **options: Any,
) -> Iterator[Outcome[Source, Any]]:
    """Yield what came of each `every`-th frame of videos, and, after its frames, of each video.

    What ends a video early is a `Failure` of the video, after the frames before that; the others go on.

    Args:
        predictor: Of a task on images.
        videos: Of one file each.
        every: Of so many frames the first.
        is_chosen: Tells which frames to predict on.
        **options: As for `run_decoding`.
    """
    module = video_module()
    for video in videos:
        frames = _Frames(module, video, every)
        chosen = (frame for frame in frames if is_chosen(frame))
        for outcome in run_decoding(predictor, chosen, lambda frame: frame.image.pop(), **options):
            yield Outcome(outcome.source, outcome.prediction, outcome.decoded)
        problem = None if frames.problem is None else Failure(str(video), frames.problem)
        yield Outcome(video, problem or FramesOfVideo(str(video), frames.count), None)


class _Frames:
    """The frames of a video, gone through once; how many there were, and what ended them early."""

    def __init__(self, module: VideoModule, video: Source, every: int) -> None:
        self._module, self._video, self._every = module, video, every
        self.count = 0
        self.problem = None if video.problem is None else f"{video}: {video.problem}"

    def __iter__(self) -> Iterator[FrameSource]:
        if self.problem is not None:
            return
        path = self._video.paths[0]
        try:
            for number, time, image in self._module.iterate_frames(path, self._every):
                self.count += 1
                yield FrameSource((path,), video=self._video, number=number, time=time, image=[image])
        except (MediaError, OSError) as error:
            self.problem = str(error)
