"""Folders of images that say what they show, and a predictor that reads it and errs when the image says so."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from zoo_core.images import read_image
from zoo_core.prediction import Classification, Predictor, scored_labels

NAMES = ("ant", "bee", "cat", "dog")


def write_images(root: Path, names: Sequence[str] = NAMES, *, each: int = 5, wrong: int = 0) -> Path:
    """Write so many images of each class; `wrong` of each say that a model takes them for the next class."""
    for name in names:
        (root / name).mkdir(parents=True)
        for number in range(each):
            label = NAMES.index(name) if name in NAMES else 0
            said = (label + (number < wrong)) % len(NAMES)
            Image.new("RGB", (8, 8), (said, label, number)).save(root / name / f"{number}.png")
    return root


class ReadingPredictor(Predictor[Image.Image, tuple[int, int]]):
    """Predicts what the red value of an image says; the second guess is its green value."""

    def __init__(self, categories: Sequence[str] = NAMES, topk: int | None = None) -> None:
        self.categories = tuple(categories)
        if topk is not None:
            self.topk = topk
        self.calls = 0

    def read(self, paths: Sequence[Path]) -> Image.Image:
        return read_image(paths[0])

    def preprocess(self, decoded: Image.Image) -> tuple[int, int]:
        said, label, _ = decoded.tobytes()[:3]
        return self.categories.index(NAMES[said]), self.categories.index(NAMES[label])

    def predict(self, inputs: Sequence[tuple[int, int]], sources: Sequence[str]) -> list[Classification]:
        self.calls += len(inputs)
        return [
            Classification(source, scored_labels([0.9, 0.1], guesses, self.categories))
            for source, guesses in zip(sources, inputs, strict=True)
        ]
