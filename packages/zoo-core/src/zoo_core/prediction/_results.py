"""What a prediction is, for each task: frozen, typed, and ready for JSON."""

import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from zoo_core.names import Later

from ._inputs import MediaInput

if TYPE_CHECKING:
    from PIL import Image

    from ._origin import Origin
else:
    Image = Later("PIL.Image")

LONGEST_SIDE = 1024
"""Pixels of a picture in a notebook, at most."""


def rounded_repr(record: Any) -> str:  # a dataclass
    """Return the `repr` of a dataclass, with numbers rounded to four places behind the point, for people.

    Example:
        >>> from zoo_core.prediction import ScoredLabel, rounded_repr
        >>> rounded_repr(ScoredLabel("cat", 3, 0.9123456789))
        "ScoredLabel(label='cat', index=3, score=0.9123)"
    """
    shown = (f"{field.name}={_rounded(getattr(record, field.name))!r}" for field in fields(record) if field.repr)
    return f"{type(record).__qualname__}({', '.join(shown)})"


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 4)
    return tuple(map(_rounded, value)) if type(value) is tuple else value


class _WithOrigin:
    """A place for what a prediction was made of, which is no part of it: it is not compared, copied or pickled."""

    __slots__ = ("_origin",)


@dataclass(frozen=True, slots=True)
class Prediction(_WithOrigin, ABC):
    """What a model said about one input. Each task has a class of its own.

    Its values are exact, also in `to_dict()`; `repr` and `str` round them.

    Args:
        source: The file or files, or the name of what is in memory: `<image 1>` is the first input.
    """

    raw_suffix: ClassVar[str | None] = None
    """Of the files that `write_raw` writes; `None` where a prediction has no file of its own."""

    source: str

    def draw(self, image: "MediaInput | tuple[MediaInput, MediaInput] | None" = None) -> "Image.Image":
        """Return a picture of the prediction: the input is read again from where it was found, and drawn upon.

        A prediction knows that where `predict`, `stream` or a predictor has made it, but not once it has been copied or
        pickled. Of inputs that are in memory, a run keeps the last 256 MiB for this; of files, their paths.

        Args:
            image: The input, where it is not to be found any more; two for optical flow.

        Raises:
            ValueError: There is nothing to draw, or the input is gone; the message says what to do.
            FileNotFoundError: The file is gone.
            MediaError: The file cannot be read any more.

        Example:
            >>> from zoo_core import predict
            >>> (prediction,) = predict("cat.jpg", model="resnet50")
            >>> prediction.draw().save("drawn.png")
        """
        origin: Origin | None = getattr(self, "_origin", None)
        if origin is None:
            raise ValueError(
                f"This {type(self).__qualname__} does not know what it was made of, as one that has been copied or "
                "pickled: use predictor.draw(decoded, prediction), with a predictor of load_predictor."
            )
        return origin.draw(self, image)

    def _repr_png_(self) -> bytes | None:
        """Return the picture for a notebook, which shows the text where there is none."""
        try:
            picture = self.draw()
        except Exception:  # noqa: BLE001 # of reading and drawing: the text is there in any case
            return None
        picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        file = io.BytesIO()
        picture.save(file, "PNG")
        return file.getvalue()

    def __str__(self) -> str:
        return f"{self.source}: {self.summary()}"

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the prediction as JSON takes it; `"source"` comes first."""

    @abstractmethod
    def summary(self) -> str:
        """Return what matters in it, in one line for people, without the source."""

    def lines(self) -> tuple[str, ...]:
        """Return what was found, a line for each, for people; nothing where the summary has it all."""
        return ()

    def write_raw(self, path: Path) -> None:
        """Write what the model said as other programs read it, to a new file."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class ScoredLabel:
    """A class and how sure the model is of it.

    Args:
        label: The class's name.
        index: Its place in the weights' categories.
        score: Its probability, in [0, 1].
    """

    label: str
    index: int
    score: float

    def to_dict(self) -> dict[str, Any]:
        """Return the label as JSON takes it."""
        return {"label": self.label, "index": self.index, "score": self.score}

    __repr__ = rounded_repr

    def __str__(self) -> str:
        return f"{self.label} {self.score:.1%}"


@dataclass(frozen=True, slots=True)
class Classification(Prediction):
    """The most probable classes of an image or a video, the most probable first."""

    top: tuple[ScoredLabel, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the prediction as JSON takes it."""
        return {"source": self.source, "top": [label.to_dict() for label in self.top]}

    def summary(self) -> str:
        """Return the classes with their probabilities."""
        return "  ".join(map(str, self.top))


@dataclass(frozen=True, slots=True)
class Failure(Prediction):
    """Why there is no prediction for an input."""

    error: str

    def to_dict(self) -> dict[str, Any]:
        """Return the failure as JSON takes it."""
        return {"source": self.source, "error": self.error}

    def summary(self) -> str:
        """Return the reason, which names the file."""
        return self.error

    def draw(self, image: "MediaInput | tuple[MediaInput, MediaInput] | None" = None) -> "Image.Image":
        """Raise an error: there is nothing to draw.

        Raises:
            ValueError: Always.
        """
        raise ValueError(f"There is no prediction to draw: {self.error}")

    def __str__(self) -> str:
        return self.error


def scored_labels(
    scores: Sequence[float], indices: Sequence[int], categories: Sequence[str]
) -> tuple[ScoredLabel, ...]:
    """Name the classes of scores.

    Example:
        >>> from zoo_core.prediction import scored_labels
        >>> scored_labels([0.9, 0.1], [1, 0], ["cat", "dog"])[0]
        ScoredLabel(label='dog', index=1, score=0.9)
    """
    return tuple(ScoredLabel(categories[index], index, score) for score, index in zip(scores, indices, strict=True))
