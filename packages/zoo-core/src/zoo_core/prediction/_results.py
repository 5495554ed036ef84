"""What a prediction is, for each task: frozen, typed, and ready for JSON."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model said about one input. Each task has a class of its own.

    Args:
        source: The file, or what the caller named the input.
    """

    source: str

    def to_dict(self) -> dict[str, Any]:
        """Return the prediction as JSON takes it."""
        return {"source": self.source}


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


@dataclass(frozen=True, slots=True)
class Classification(Prediction):
    """The most probable classes of an image, the most probable first."""

    top: tuple[ScoredLabel, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the prediction as JSON takes it."""
        return {"source": self.source, "top": [label.to_dict() for label in self.top]}


@dataclass(frozen=True, slots=True)
class Failure(Prediction):
    """Why there is no prediction for an input."""

    error: str

    def to_dict(self) -> dict[str, Any]:
        """Return the failure as JSON takes it."""
        return {"source": self.source, "error": self.error}
