"""How much a video may take: pixels of a frame, memory of what one call returns, time without a frame."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

PIXELS, MEMORY, SECONDS = "ZOO_VIDEO_PIXELS", "ZOO_VIDEO_MEMORY", "ZOO_VIDEO_SECONDS"


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused beyond. Environment variables set them, read at each use; the messages name them.

    Args:
        pixels: Of a frame (`ZOO_VIDEO_PIXELS`): 8192 x 8192. Decoders hold several frames.
        memory: Bytes of the frames that one call returns (`ZOO_VIDEO_MEMORY`): 8 GiB.
        seconds: How long reading may go on without giving a frame (`ZOO_VIDEO_SECONDS`): a minute.

    Example:
        >>> from zoo_video.io import Limits
        >>> Limits.from_environment({"ZOO_VIDEO_SECONDS": "5"}).seconds
        5.0
    """

    pixels: int = 8192 * 8192
    memory: int = 8 * 2**30
    seconds: float = 60.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the limits from environment variables.

        Raises:
            ValueError: A variable is no positive number.
        """
        return cls(
            int(_positive(environment, PIXELS, cls().pixels)),
            int(_positive(environment, MEMORY, cls().memory)),
            _positive(environment, SECONDS, cls().seconds),
        )


def _positive(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float(2**62):
        raise ValueError(f"{name} should be a positive number, found {text!r}.")
    return value
