"""The handwritten digits that scikit-learn bundles, as images, and the split into training and held-out ones.

    python -m zoo_digits.held_out digits/
    zoo evaluate shufflenet_v2_x0_5_digits digits/

writes the held-out ones as a folder of images for each class, and measures the model on them. With `--all`, those that
it was trained on are in `digits/train`, and the held-out ones in `digits/val`: a model of one's own can be trained. It
needs scikit-learn: `pip install zoo-digits[held-out]`.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core.names import Later

from .catalogue.digits import ShuffleNet_V2_X0_5_Digits_Weights

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = Later("PIL.Image")

SIDE = 64
"""Pixels on a side to which the 8 by 8 digits are enlarged."""
PUBLISHED = "UCI digits, held out"
"""What weights entries call the held-out digits."""


@dataclass(frozen=True)
class Digits:
    """Images of digits, white on black, and what they show (0 to 9)."""

    images: "list[Image.Image]"
    labels: list[int]


def load_split() -> tuple[Digits, Digits]:
    """Return the digits to train on (1,437) and those held out (360): always the same, each digit in proportion.

    Raises:
        ImportError: scikit-learn is not installed.

    Example:
        >>> from zoo_digits.held_out import load_split
        >>> [len(digits.labels) for digits in load_split()]
        [1437, 360]
    """
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise ImportError(
            f"The digits come with scikit-learn, which cannot be imported ({error}): pip install zoo-digits[held-out]"
        ) from error
    data = load_digits()
    split = train_test_split(data.images, data.target, test_size=360, stratify=data.target, random_state=0)
    train_images, test_images, train_labels, test_labels = split
    return (
        Digits([as_image(image) for image in train_images], train_labels.tolist()),
        Digits([as_image(image) for image in test_images], test_labels.tolist()),
    )


def as_image(pixels: Any) -> "Image.Image":
    """Enlarge an array of shape (8, 8), values 0 to 16, to a grey image."""
    import numpy as np
    from PIL import Image

    grey = Image.fromarray(np.rint(pixels * (255 / 16)).astype(np.uint8))
    return grey.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def write(folder: Path) -> int:
    """Write the held-out digits as `CLASS/NUMBER.png`, and what they are as `dataset.json`; return how many.

    Raises:
        FileExistsError: There is something in the folder.
        ImportError: scikit-learn is not installed.
    """
    _, digits = load_split()
    _make_empty(folder)
    _write_images(digits, folder)
    (folder / "dataset.json").write_text(json.dumps({"published": PUBLISHED}) + "\n", encoding="utf-8")
    return len(digits.labels)


def write_all(folder: Path) -> int:
    """Write all digits, divided into `train` and `val`, as `CLASS/NUMBER.png` in each; return how many.

    Raises:
        FileExistsError: There is something in the folder.
        ImportError: scikit-learn is not installed.
    """
    train, held_out = load_split()
    _make_empty(folder)
    _write_images(train, folder / "train")
    _write_images(held_out, folder / "val")
    return len(train.labels) + len(held_out.labels)


def _make_empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty: choose a new folder for the digits.")


def _write_images(digits: Digits, folder: Path) -> None:
    categories = ShuffleNet_V2_X0_5_Digits_Weights.DIGITS_V1.meta["categories"]
    for number, (image, label) in enumerate(zip(digits.images, digits.labels, strict=True)):
        path = folder / categories[label] / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)


def main(arguments: list[str]) -> None:
    """Write them into the folder that the command line names."""
    everything, folders = "--all" in arguments, [each for each in arguments if each != "--all"]
    if len(folders) != 1 or folders[0].startswith("-"):
        sys.exit("usage: python -m zoo_digits.held_out [--all] FOLDER")
    try:
        count = (write_all if everything else write)(Path(folders[0]))
    except (ImportError, OSError) as error:
        sys.exit(f"Error: {error}")
    sys.stdout.write(f"{count} digits in {folders[0]}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
