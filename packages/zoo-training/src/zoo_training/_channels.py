"""Images in as many channels as the preprocessing of a model has them."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from zoo_core.images import read_image


def require_channels(mean: Sequence[float], known: Sequence[int], media: str = "images") -> int:
    """Return how many channels a preprocessing is for, as the number of values of its mean tells.

    Args:
        mean: It has a value for each.
        known: Those in which files can be read: 1 for grey, 3 for colours.
        media: What the files hold, for people.

    Raises:
        ValueError: Files are not read in so many.

    Example:
        >>> from zoo_training._channels import require_channels
        >>> require_channels((0.5,), (1, 3))
        1
    """
    count = len(mean)
    if count not in known:
        told = " or ".join(f"{each} ({'grey' if each == 1 else 'colours'})" for each in known)
        raise ValueError(
            f"Files of {media} are trained on in {told} channels, and the preprocessing of this model is for {count}, "
            "as many as its mean has values: begin with another model, or write a loop of your own (docs/tuning.md)."
        )
    return count


def read_in(channels: int, path: Path, *, at_least: int | None = None) -> Image.Image:
    """Read an image in colours, or in grey as the preprocessing of one channel makes it: ITU-R BT.601.

    Args:
        channels: 3 or 1.
        path: Of the file.
        at_least: As for `zoo_core.images.read_image`.

    Raises:
        ImageError: It cannot be decoded.
        OSError: It cannot be read.
    """
    image = read_image(path, at_least=at_least)
    return image if channels == 3 else image.convert("L")
