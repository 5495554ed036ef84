"""What a prediction is, for each task: frozen, typed, and ready for JSON."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Prediction(ABC):
    """What a model said about one input. Each task has a class of its own.

    Args:
        source: The file or files, or what the caller named the input.
    """

    source: str

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the prediction as JSON takes it; `"source"` comes first."""

    @abstractmethod
    def summary(self) -> str:
        """Return what matters in it, in one line for people, without the source."""


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


def scored_labels(
    scores: Sequence[float], indices: Sequence[int], categories: Sequence[str]
) -> tuple[ScoredLabel, ...]:
    """Name the classes of scores.

    Example:
        >>> scored_labels([0.9, 0.1], [1, 0], ["cat", "dog"])[0]
        ScoredLabel(label='dog', index=1, score=0.9)
    """
    return tuple(ScoredLabel(categories[index], index, score) for score, index in zip(scores, indices, strict=True))
