"""What an embedding is: the vector of one input, and the vectors of many."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from zoo_core.prediction import Failure, Prediction

from ._facts import EmbeddingFacts

_SHOWN = 4
"""Numbers of a vector that people are shown."""


@dataclass(frozen=True, slots=True)
class Embedding(Prediction):
    """The features of one image or video, as a vector."""

    vector: Tensor = field(repr=False, compare=False)
    """float32 `(D,)`, on the CPU."""

    def to_dict(self) -> dict[str, Any]:
        """Return the vector as JSON takes it, in the nine digits that a float32 has."""
        return {"source": self.source, "vector": [float(f"{value:.9g}") for value in self.vector.tolist()]}

    def summary(self) -> str:
        """Return how many numbers there are, and the first of them."""
        numbers = self.vector.tolist()
        more = " …" if len(numbers) > _SHOWN else ""
        return f"{len(numbers):,} numbers: {' '.join(f'{number:.4f}' for number in numbers[:_SHOWN])}{more}"


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """The vectors of many inputs.

    Args:
        vectors: float32 `(N, D)`, on the CPU; `vectors[i]` is of `sources[i]`. Where there is none, `(0, 0)`.
        sources: The files, or the names of what is in memory: `<image 1>` is the first input.
        failures: The inputs that there is no vector of, and why.
        facts: What made the vectors; `None` where their file does not say, as JSON lines.

    Example:
        >>> from zoo_core import embed
        >>> digits = embed("photos/", model="shufflenet_v2_x0_5_digits", normalize=True)
        >>> (digits.vectors @ digits.vectors.T).diagonal().round()
        tensor([1.])
    """

    vectors: Tensor
    sources: tuple[str, ...]
    failures: tuple[Failure, ...] = ()
    facts: EmbeddingFacts | None = None

    def __len__(self) -> int:
        return len(self.sources)
