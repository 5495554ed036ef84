"""The handwritten digits that scikit-learn bundles, as images, and the split into training and held-out ones."""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SIDE = 64
"""Pixels on a side to which the 8 by 8 digits are enlarged."""


@dataclass(frozen=True)
class Digits:
    """Images of digits, white on black, and what they show (0 to 9)."""

    images: list[Image.Image]
    labels: list[int]


def load_split() -> tuple[Digits, Digits]:
    """Return the digits to train on (1,437) and those held out (360): always the same, each digit in proportion."""
    data = load_digits()
    split = train_test_split(data.images, data.target, test_size=360, stratify=data.target, random_state=0)
    train_images, test_images, train_labels, test_labels = split
    return (
        Digits([as_image(image) for image in train_images], train_labels.tolist()),
        Digits([as_image(image) for image in test_images], test_labels.tolist()),
    )


def as_image(pixels: np.ndarray) -> Image.Image:
    """Enlarge an array of shape (8, 8), values 0 to 16, to a grey image."""
    grey = Image.fromarray(np.rint(pixels * (255 / 16)).astype(np.uint8))
    return grey.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
