"""A run of predictions that goes on: what is left, and what was written of each input."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zoo_core._registry import all_tasks
from zoo_core.images import image_suffixes
from zoo_core.names import Later

from ._concurrency import batches_at_once
from ._drawn_videos import DrawnVideos
from ._frames import run_frames, video_module
from ._output_names import OutputNames
from ._pictures import PictureFolder
from ._pipeline import Outcome, run
from ._predictor import Predictor
from ._raw import RawFolder
from ._results import Failure, Prediction
from ._results_file import ResultsFile
from ._sources import VIDEO_SUFFIXES, FrameSource, Source
from ._upcoming import Upcoming

if TYPE_CHECKING:
    from . import _job
else:
    _job = Later("zoo_core.prediction._job")


@dataclass(frozen=True, slots=True)
class Row:
    """What came of an input.

    Args:
        prediction: What the model said, or a `Failure`.
        files: The paths of what was saved of it: `"picture"`, `"raw"`.
    """

    prediction: Prediction
    files: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON takes it."""
        return {**self.prediction.to_dict(), **self.files}


class PredictionRun:
    """A job with everything open that it writes.

    Args:
        job: What it was told.
        sources: What there is, gone through once.
        names: Get the names of all of them.
        written: Where rows are kept.
    """

    def __init__(
        self,
        job: "_job.PredictionJob",
        sources: Iterable[Source],
        names: OutputNames,
        written: Sequence[ResultsFile | RawFolder],
    ) -> None:
        self._job = job
        self._names = names
        self._written = written
        self._videos: DrawnVideos | None = None
        self.upcoming = Upcoming(source for source in names.named(sources) if not self.has(source))
        """What is left to be predicted on; of those whose rows are there already, none."""

    @property
    def results(self) -> ResultsFile | None:
        """The file of rows, where there is one: that of `output`, else that of `raw`."""
        first = next(iter(self._written), None)
        return first.results if isinstance(first, RawFolder) else first

    def has(self, source: Source) -> bool:
        """Tell whether the row of a source was there before, wherever rows are kept."""
        return bool(self._written) and all(source in each for each in self._written)

    def predict(self, predictor: Predictor[Any, Any]) -> Iterator[Row]:
        """Yield what came of each source that is left, written and drawn before."""
        job, pictures = self._job, self._pictures(predictor)
        options: dict[str, Any] = {
            "batch_size": job.batch_size,
            "workers": job.workers,
            "keep_decoded": pictures is not None,
            "at_once": batches_at_once(predictor, job.device, job.workers),
        }
        outcomes = (
            run(predictor, self.upcoming, **options)
            if job.every is None
            else run_frames(predictor, self.upcoming, job.every, self._is_chosen, **options)
        )
        for outcome in outcomes:
            yield self._row(outcome, pictures)

    def close(self) -> None:
        """Drop what was begun and has not ended."""
        if self._videos is not None:
            self._videos.close()

    def _is_chosen(self, frame: Source) -> bool:
        return self._job.save is not None or not self.has(frame)  # a video is drawn as a whole

    def _pictures(self, predictor: Predictor[Any, Any]) -> PictureFolder | DrawnVideos | None:
        folder = self._job.save
        if folder is None:
            return None
        if self._job.every is None:
            return PictureFolder(folder, predictor, names=self._names)
        self._videos = DrawnVideos(folder, predictor, self._names, video_module())
        return self._videos

    def _row(self, outcome: Outcome[Source, Any], pictures: PictureFolder | DrawnVideos | None) -> Row:
        picture = None if pictures is None else pictures.save(outcome)
        files = {} if picture is None else {"picture": str(picture)}
        prediction = outcome.prediction
        if isinstance(prediction, Failure):
            prediction = _with_advice(prediction, outcome.source, self._job.media)
        for each in self._written:
            if outcome.source not in each:
                files = _write(each, outcome.source, prediction, files)
        return Row(prediction, files)


def _write(
    to: ResultsFile | RawFolder, source: Source, prediction: Prediction, files: dict[str, str]
) -> dict[str, str]:
    if isinstance(to, RawFolder):
        return to.write(source, prediction, files)
    to.write(prediction, files)
    return files


def _with_advice(failure: Failure, source: Source, media: str) -> Failure:
    """Say which models take what cannot be read, where its name tells what it is."""
    if isinstance(source, FrameSource):
        return failure
    suffixes = {path.suffix.lower() for path in source.paths}
    if media != "videos" and suffixes & VIDEO_SUFFIXES:
        return Failure(failure.source, f"{failure.error} {advice_on('videos')}")
    if media == "videos" and suffixes & image_suffixes():
        return Failure(failure.source, f"{failure.error} {advice_on('images')}")
    return failure


def advice_on(media: str) -> str:
    """Say which models take videos, or images.

    Example:
        >>> from zoo_core.prediction._run import advice_on
        >>> advice_on("videos")
        'Models that take videos: `zoo list --task video`; single frames (--every N): those that take images.'
    """
    tasks = [f"`zoo list --task {task.name}`" for task in all_tasks() if task.media == media]
    frames = "; single frames (--every N): those that take images" if media == "videos" else ""
    return f"Models that take {media}: {', '.join(tasks)}{frames}."
