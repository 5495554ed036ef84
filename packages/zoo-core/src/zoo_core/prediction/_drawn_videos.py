"""Predictions on frames, drawn into videos."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from ._frames import VideoModule, VideoWriter
from ._output_names import OutputNames
from ._pictures import place
from ._pipeline import Outcome
from ._predictor import Predictor
from ._results import Failure
from ._sources import FrameSource, Source


class DrawnVideos:
    """Saves a video of the drawn frames of each video, `clip.mov` as `clip.mp4`.

    What is in the folder stays as it is, but for videos that zoo has drawn of the same source before.

    Args:
        folder: Where the videos go; it is made when the first one is begun.
        predictor: Draws the frames.
        names: The names of the videos.
        module: Writes them.
    """

    def __init__(self, folder: Path, predictor: Predictor[Any, Any], names: OutputNames, module: VideoModule) -> None:
        self.folder = folder
        self._predictor, self._names, self._module = predictor, names, module
        self._temporary: Path | None = None
        self._writer: VideoWriter | None = None

    def save(self, outcome: Outcome[Source, Any]) -> Path | None:
        """Draw a frame into its video; at the end of the video, return its path.

        Raises:
            OSError: It cannot be written.
        """
        if not isinstance(outcome.source, FrameSource):
            return self._finished(outcome.source)
        if isinstance(outcome.prediction, Failure):
            return None
        if self._writer is None:
            path = self._path_of(outcome.source.video)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._temporary = path.parent / f".zoo-{os.urandom(8).hex()}{self._module.SUFFIX}"
            self._writer = self._module.write_frames(self._temporary, str(outcome.source.video))
        self._writer.add(self._predictor.draw(outcome.decoded, outcome.prediction), outcome.source.time)
        return None

    def close(self) -> None:
        """Drop a video that has not ended."""
        writer, self._writer = self._writer, None
        if writer is not None and self._temporary is not None:
            with suppress(Exception):  # of the encoder: what is written is not wanted
                writer.close()
            self._temporary.unlink(missing_ok=True)

    def _finished(self, video: Source) -> Path | None:
        if self._writer is None or self._temporary is None:
            return None
        try:
            self._writer.close()
            self._writer = None
            return place(self._temporary, self._path_of(video), str(video), self._module.drawn_from)
        finally:
            self._temporary.unlink(missing_ok=True)

    def _path_of(self, video: Source) -> Path:
        return self.folder / f"{self._names.of(video)}{self._module.SUFFIX}"
