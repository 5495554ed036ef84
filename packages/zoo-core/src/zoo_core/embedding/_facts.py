"""What a file of vectors says of itself."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class EmbeddingFacts:
    """What made vectors: all that another program needs to make a comparable one.

    Args:
        model: The model's name.
        weights: The full name of the weights entry.
        sha256: The digest of the file of the weights, 64 hexadecimal digits.
        preprocessing: The preset's class as `"preset"`, and its arguments.
        dimension: Numbers of a vector; `None` where there is none.
        made_by: The model, its file and the options, in one line for people, as rows of results have it.

    Example:
        >>> from zoo_core import embed
        >>> facts = embed("photos/", model="shufflenet_v2_x0_5_digits").facts
        >>> facts.dimension, facts.preprocessing["crop_size"]
        (1024, [64])
    """

    model: str
    weights: str
    sha256: str
    preprocessing: Mapping[str, Any]
    dimension: int | None
    made_by: str

    def to_json(self) -> str:
        """Return them as JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, default=str)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` gave; what later versions add is passed over.

        Raises:
            ValueError: It is something else.
        """
        try:
            found = json.loads(text)
            return cls(**{name: found[name] for name in cls.__dataclass_fields__})
        except (KeyError, TypeError) as error:
            raise ValueError(f"these are not facts of vectors: {error}") from None
