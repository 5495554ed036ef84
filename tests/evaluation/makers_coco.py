"""Small data sets in COCO's layout, and a detector that reads the truth out of the image and errs as it is told.

An object is a rectangle of a colour of its own: its class in red, its number in green; so the image alone tells them.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from zoo_core.images import read_image
from zoo_core.prediction import Prediction, Predictor
from zoo_detection.coco_format import RunLengths
from zoo_detection.prediction import DetectedObject, Detection, Keypoint

SIDE, CELL = 120, 30
COCO_PAIR = {1: "person", 90: "toothbrush"}


def make_coco(
    root: Path,
    categories: dict[int, str],
    *,
    annotations: str = "annotations/instances_val2017.json",
    images: str = "val2017",
    number: int = 8,
    empty: int = 1,
    keypoints: bool = False,
    change: Callable[[dict[str, Any]], object] = lambda content: None,
) -> Path:
    """Write images with four objects each, of classes in turn, and as many without any; return the annotations' path.

    Args:
        root: Where.
        categories: Names by id.
        annotations: The file below `root`.
        images: The folder below `root`.
        number: How many images have objects.
        empty: How many have none.
        keypoints: Whether objects have 17.
        change: What to spoil of the content before it is written.
    """
    (root / images).mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {"images": [], "annotations": []}
    content["categories"] = [{"id": category, "name": name} for category, name in categories.items()]
    ids = list(categories)
    for place in range(number + empty):
        image_id, name = 1000 - 7 * place, f"{place:012d}.png"
        content["images"].append({"id": image_id, "file_name": name, "height": SIDE, "width": SIDE})
        pixels = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
        for count in range(4 if place < number else 0):
            category = ids[(place + count) % len(ids)]
            x, y = CELL * count, CELL * (place % 4)
            pixels[y + 2 : y + 22, x + 3 : x + 27] = (category, place * 4 + count + 1, 255)
            content["annotations"].append(_annotation(content, image_id, category, x + 3, y + 2, keypoints=keypoints))
        Image.fromarray(pixels).save(root / images / name)
    change(content)
    path = root / annotations
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def _annotation(
    content: dict[str, Any], image_id: int, category: int, x: int, y: int, *, keypoints: bool
) -> dict[str, Any]:
    one = {
        "id": 5 * len(content["annotations"]) + 3,
        "image_id": image_id,
        "category_id": category,
        "bbox": [x, y, 24, 20],
        "area": 480,
        "iscrowd": 0,
        "segmentation": [[x, y, x + 24, y, x + 24, y + 20, x, y + 20]],
    }
    points = [value for step in range(17) for value in (x + step, y + step, 2)]
    return one | ({"keypoints": points, "num_keypoints": 17} if keypoints else {})


class ReadingDetector(Predictor[Image.Image, Image.Image]):
    """Finds what is drawn.

    Args:
        categories: Of the model that it stands for.
        place_of: The place of each drawn class among them.
        finds: Tells of an object's number whether it is found.
        masks: Whether masks are given.
        keypoints: Whether keypoints are given.
    """

    def __init__(
        self,
        categories: Sequence[str],
        place_of: Callable[[int], int] = lambda category: category,
        finds: Callable[[int], bool] = lambda number: True,
        *,
        masks: bool = False,
        keypoints: bool = False,
    ) -> None:
        self.categories, self.place_of, self.finds, self.masks, self.keypoints = (
            *(categories, place_of, finds),
            *(masks, keypoints),
        )

    def read(self, paths: Sequence[Path]) -> Image.Image:
        return read_image(paths[0])

    def preprocess(self, decoded: Image.Image) -> Image.Image:
        return decoded

    def predict(self, inputs: Sequence[Image.Image], sources: Sequence[str]) -> list[Prediction]:
        return [
            Detection(source, tuple(self._objects(np.asarray(image))))
            for source, image in zip(sources, inputs, strict=True)
        ]

    def _objects(self, pixels: np.ndarray) -> Iterator[DetectedObject]:
        for category, number, _ in np.unique(pixels[pixels[..., 2] > 0], axis=0).tolist():
            if not self.finds(number):
                continue
            mask = (pixels == (category, number, 255)).all(axis=-1)
            rows, columns = np.nonzero(mask)
            x, y = int(columns.min()), int(rows.min())
            place = self.place_of(category)
            yield DetectedObject(
                label=self.categories[place],
                index=place,
                score=0.5 + number / 1000,
                box=(x, y, int(columns.max()) + 1, int(rows.max()) + 1),
                mask=RunLengths.of_mask(torch.from_numpy(mask)) if self.masks else None,
                keypoints=tuple(Keypoint(str(step), x + step, y + step, 1.0) for step in range(17))
                if self.keypoints
                else (),
            )
