"""Prediction of objects: boxes, classes and scores, with masks and keypoints where a model has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from zoo_core import WeightsEnum
from zoo_core.drawing import DrawnObject, colour_of, skeleton_of, with_objects
from zoo_core.images import ImageSource, read_image
from zoo_core.inference import noise
from zoo_core.prediction import Prediction, Predictor, find_device, rounded_repr

from .coco_format import RunLengths

MIN_SCORE = 0.5
"""The least score of what is reported, if not given."""
_VISIBLE = 0.0
"""The least logit of a keypoint that is drawn."""


def check_min_score(min_score: float) -> None:
    """Raise a `ValueError` where the least score of what is reported is not in [0, 1]."""
    if not 0 <= min_score <= 1:
        raise ValueError(f"min_score is the least score to report: expected it in [0, 1], found {min_score}.")


@dataclass(frozen=True, slots=True)
class Keypoint:
    """A keypoint of an object.

    Args:
        name: As in the weights' metadata.
        x: In pixels of the image.
        y: Likewise.
        score: A logit: above 0 the model is rather sure.
    """

    name: str
    x: float
    y: float
    score: float

    __repr__ = rounded_repr


@dataclass(frozen=True, slots=True)
class DetectedObject:
    """An object in an image.

    Args:
        label: The class's name.
        index: Its place in the weights' categories.
        score: In [0, 1].
        box: `(x1, y1, x2, y2)` in pixels of the image.
        mask: Its pixels, where the model finds them.
        keypoints: Where the model finds them.
    """

    label: str
    index: int
    score: float
    box: tuple[float, float, float, float]
    mask: RunLengths | None = None
    keypoints: tuple[Keypoint, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the object in COCO's result format: `bbox` is x, y, width and height, `keypoints` x, y, 1 for each."""
        x1, y1, x2, y2 = self.box
        found: dict[str, Any] = {
            "category_id": self.index,
            "category": self.label,
            "score": self.score,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
        }
        if self.mask is not None:
            found["segmentation"] = self.mask.to_dict()
        if self.keypoints:
            found["keypoints"] = [value for point in self.keypoints for value in (point.x, point.y, 1)]
        return found

    __repr__ = rounded_repr

    def __str__(self) -> str:
        return f"{self.label} {self.score:.1%}"


@dataclass(frozen=True, slots=True)
class Detection(Prediction):
    """The objects in an image, the most probable first."""

    objects: tuple[DetectedObject, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the objects as COCO's result files hold them, for one image."""
        return {"source": self.source, "detections": [found.to_dict() for found in self.objects]}

    def summary(self) -> str:
        """Return the classes with their scores."""
        return "  ".join(map(str, self.objects)) or "nothing"

    def lines(self) -> tuple[str, ...]:
        """Return a line for each object: its class, its score and its box."""
        return tuple(_line(found) for found in self.objects)


class DetectionPredictor(Predictor[Image.Image, Tensor]):
    """Turns images into the objects in them.

    Args:
        model: Takes a list of images `(3, H, W)`, and gives for each a dictionary with `boxes`, `labels`, `scores`, and
            perhaps `masks`, `keypoints` and `keypoints_scores`; put into evaluation mode.
        weights: The entry that the model was built with: its preprocessing, and the names of classes and keypoints.
        device: Where the model runs.
        min_score: The least score of what is reported, in [0, 1].

    Raises:
        ValueError: `min_score` is out of range.
    """

    def __init__(
        self, model: nn.Module, weights: WeightsEnum, *, device: str = "cpu", min_score: float = MIN_SCORE
    ) -> None:
        check_min_score(min_score)
        self.device = find_device(device)
        self.model = model.eval().to(self.device)
        self.transforms = weights.transforms()
        self.categories = tuple(weights.meta["categories"])
        self.keypoint_names = tuple(weights.meta.get("keypoint_names", ()))
        self.min_score = min_score

    def read(self, files: Sequence[ImageSource]) -> Image.Image:
        """Decode an image."""
        return read_image(files[0])

    def preprocess(self, decoded: Image.Image) -> Tensor:
        """Return the model's input for one image, `(3, H, W)`."""
        image: Tensor = self.transforms(decoded)
        return image

    @torch.inference_mode()
    def predict(self, inputs: Sequence[Tensor], sources: Sequence[str]) -> list[Detection]:
        """Predict one batch of preprocessed images; `sources` names them."""
        results = self.model([image.to(self.device) for image in inputs])
        return [Detection(source, self._objects(found)) for source, found in zip(sources, results, strict=True)]

    def draw(self, decoded: Image.Image, prediction: Prediction) -> Image.Image:
        """Return the image with boxes, names and scores, masks, and keypoints that the model is rather sure of."""
        assert isinstance(prediction, Detection)
        return with_objects(
            decoded, [_drawn(found) for found in prediction.objects], skeleton=skeleton_of(self.keypoint_names)
        )

    def _objects(self, found: dict[str, Tensor]) -> tuple[DetectedObject, ...]:
        chosen = {name: values[found["scores"] >= self.min_score].cpu() for name, values in found.items()}
        number = len(chosen["scores"])
        masks = (
            [RunLengths.of_mask(mask[0] > 0.5) for mask in chosen["masks"]] if "masks" in chosen else [None] * number
        )
        keypoints = self._keypoints(chosen) if "keypoints" in chosen else [()] * number
        columns = (chosen[name].tolist() for name in ("labels", "scores", "boxes"))
        return tuple(
            DetectedObject(self.categories[index], index, score, (x1, y1, x2, y2), mask, points)
            for index, score, (x1, y1, x2, y2), mask, points in zip(*columns, masks, keypoints, strict=True)
        )

    def _keypoints(self, found: dict[str, Tensor]) -> list[tuple[Keypoint, ...]]:
        """Name the keypoints of each object."""
        places, scores = found["keypoints"][..., :2].tolist(), found["keypoints_scores"].tolist()
        return [
            tuple(
                Keypoint(name, x, y, score)
                for name, (x, y), score in zip(self.keypoint_names, points, point_scores, strict=True)
            )
            for points, point_scores in zip(places, scores, strict=True)
        ]


def example(model: nn.Module, *_: object) -> tuple[list[Tensor]]:
    """Return an image to try a detector with."""
    return ([noise(model, 3, 320, 320)],)


def _line(found: DetectedObject) -> str:
    x1, y1, x2, y2 = (round(edge) for edge in found.box)
    return f"{found.score:>6.1%}  {found.label}  from ({x1}, {y1}) to ({x2}, {y2})"


def _drawn(found: DetectedObject) -> DrawnObject:
    return DrawnObject(
        found.box,
        colour_of(found.index),
        f"{found.label} {found.score:.0%}",
        None if found.mask is None else found.mask.to_image(),
        [(point.x, point.y) if point.score > _VISIBLE else None for point in found.keypoints],
    )
