"""Detection: a picture in, boxes, scores and classes out, with masks or keypoints where a model has them."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo_core import WeightsEnum
from zoo_core.transforms import ObjectDetection
from zoo_export._exported import Exported
from zoo_export._facts import Facts, TensorFact
from zoo_export._precision import in_own_precision, own_network
from zoo_export._program import Program, preset_of
from zoo_export._running import Pictures, RunningFile

from ._objects import difference_of_objects

_MASKS = ("pictures", "boxes")


class DetectionProgram(Program):
    """Takes a picture of any size, and gives the objects in it, the most probable first; raw, an image in [0, 1].

    Args:
        model: Takes a list of images `(3, H, W)`, and gives for each a dictionary with `boxes`, `labels`, `scores`, and
            perhaps `masks`, `keypoints` and `keypoints_scores`.
        weights: Of the network.
        raw: Whether the network alone is exported: its output is the model's own dictionary.
        masks: How masks are given: `"pictures"`, 1 for the object's pixels of the whole picture; or `"boxes"`, which
            takes far less memory: probabilities, M x M for each box, to be resized to it.
        min_score: The least score of what is reported, in [0, 1], beyond what the model itself leaves out.

    Raises:
        ValueError: `masks` or `min_score` is out of range, or the network has no masks to be given in boxes.
        ExportError: PyTorch is too old, or the weights prepare pictures in a way that has no form here.
    """

    dynamic: ClassVar[tuple[str, ...]] = ("height", "width")
    raw_options: ClassVar[frozenset[str] | None] = frozenset()
    least_torch: ClassVar[tuple[int, int]] = (2, 13)  # others cannot record that numbers of objects are not known
    tolerance: ClassVar[float] = 5e-3

    def __init__(
        self,
        model: nn.Module,
        weights: WeightsEnum,
        *,
        raw: bool = False,
        masks: str = "pictures",
        min_score: float = 0.0,
        **options: Any,
    ) -> None:
        from zoo_detection.prediction import check_min_score

        if masks not in _MASKS:
            raise ValueError(f"masks is {' or '.join(map(repr, _MASKS))}, found {masks!r}.")
        check_min_score(min_score)
        self.require()
        heads = getattr(own_network(model), "roi_heads", None)
        has_masks = getattr(heads, "mask_predictor", None) is not None
        if masks != _MASKS[0] and not has_masks:
            raise ValueError(f"masks={masks!r} would do nothing: {weights} is of a network without masks.")
        told: dict[str, Any] = {"masks": masks} if has_masks and not raw else {}
        told |= {"min_score": min_score} if min_score > 0 and not raw else {}
        super().__init__(model, weights, raw=raw, **told, **options)
        self.preset = preset_of(weights, ObjectDetection)
        self.masks, self.min_score, self.has_masks = masks, min_score, has_masks
        self.has_keypoints = getattr(heads, "keypoint_predictor", None) is not None

    @property
    def inputs(self) -> tuple[TensorFact, ...]:
        """A picture; raw, an image."""
        if self.raw:
            return (TensorFact("image", "float32", (3, "height", "width"), "an RGB image in [0, 1]"),)
        return (TensorFact("image", "uint8", ("height", "width", 3), "an RGB picture"),)

    @property
    def outputs(self) -> tuple[TensorFact, ...]:
        """The objects."""
        facts = [
            TensorFact("boxes", "float32", ("objects", 4), "x1, y1, x2 and y2 in pixels of the picture"),
            TensorFact("scores", "float32", ("objects",), "in [0, 1], the greatest first"),
            TensorFact("labels", "int64", ("objects",), "indices of the categories"),
        ]
        if self.has_masks:
            facts.append(self._mask_fact())
        if self.has_keypoints:
            names = self.weights.meta["keypoint_names"]
            axes = ("objects", len(names))
            text = f"x and y in pixels of the picture, and 1, of {', '.join(names)}"
            facts.append(TensorFact("keypoints", "float32", (*axes, 3), text))
            facts.append(TensorFact("keypoints_scores", "float32", axes, "logits, above 0 where rather sure"))
        return tuple(facts)

    def _mask_fact(self) -> TensorFact:
        if self.raw:
            axes = ("objects", 1, "height", "width")
            return TensorFact("masks", "float32", axes, "the probability that a pixel is the object's")
        if self.masks == "pictures":
            return TensorFact("masks", "uint8", ("objects", "height", "width"), "1 where the object is, 0 elsewhere")
        text = "probabilities inside the box, to be resized to it"
        return TensorFact("masks", "float32", ("objects", "mask_height", "mask_width"), text)

    @property
    def meta(self) -> Mapping[str, Any]:
        """Names of keypoints."""
        return {name: value for name, value in self.weights.meta.items() if name == "keypoint_names"}

    def from_pictures(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Return the first picture; raw, as the preset makes it."""
        return (self.preset(pictures[0].permute(2, 0, 1)) if self.raw else pictures[0].contiguous(),)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the objects."""
        if self.raw:
            return self._in_order(self.model([image])[0])
        pixels = image.permute(2, 0, 1).to(torch.float32) / 255
        return self._results(self._detect(pixels))

    @classmethod
    def pictures(cls, facts: Facts) -> nn.Module:
        """Pictures become tensors, and stay as they are."""
        return Pictures(facts)

    @classmethod
    def stand_in(cls, exported: Exported) -> nn.Module:
        """Return a network that gives the file's objects as detectors do."""
        return _RunningDetector(exported)

    def reference(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return what the predictor's model gives."""
        if self.raw:
            return self._in_order(self.model([inputs[0]])[0])
        return self._results(self._detect(self.preset(inputs[0].permute(2, 0, 1))))

    def compare(
        self, found: Sequence[Tensor], expected: Sequence[Tensor], tolerance: float | None = None
    ) -> tuple[float, bool]:
        """Compare objects, in whatever order: rounding swaps neighbours.

        Args:
            found: The outputs, in order.
            expected: Those of the model.
            tolerance: By how much the scores of one object may differ; by default the program's own.

        Returns:
            The largest difference of scores between objects that are the same, and whether at least 85 of 100 are
            found in both, of each other's class and place, with the same masks and keypoints.
        """
        return difference_of_objects(self.named(found), self.named(expected), self.allowed(tolerance))

    def _in_order(self, found: dict[str, Tensor]) -> tuple[Tensor, ...]:
        return tuple(found[fact.name] for fact in self.outputs)

    def _results(self, found: dict[str, Tensor]) -> tuple[Tensor, ...]:
        if self.min_score > 0:
            enough = torch.where(found["scores"] >= self.min_score)[0]
            found = {name: values[enough] for name, values in found.items()}
        if self.has_masks:
            masks = found["masks"][:, 0]
            found = found | {"masks": (masks > 0.5).to(torch.uint8) if self.masks == "pictures" else masks}
        return self._in_order(found)

    def _detect(self, image: Tensor) -> dict[str, Tensor]:
        """Return what the model finds; masks as they are to be given."""
        detected: dict[str, Tensor]
        if not self.has_masks or self.masks == "pictures":
            detected = self.model([image])[0]
        else:
            detected = in_own_precision(self.model, _detect_in_boxes, image)
        return detected


def _detect_in_boxes(model: Any, image: Tensor) -> dict[str, Tensor]:
    """Return what a network finds, with masks as its heads make them: inside of boxes."""
    from zoo_detection.foundation.levels import named_levels

    batch, _ = model.transform([image])
    features = named_levels(model.backbone(batch.tensors))
    proposals, _ = model.rpn(batch, features)
    detections, _ = model.roi_heads(features, proposals, batch.image_sizes)
    masks = detections[0].pop("masks")
    (found,) = model.transform.postprocess(detections, batch.image_sizes, [(image.shape[-2], image.shape[-1])])
    return {**found, "masks": masks}


class _RunningDetector(RunningFile):
    """Takes a list of pictures uint8 `(3, H, W)`, or, for a raw file, images in [0, 1]; gives what detectors give."""

    def forward(self, images: Sequence[Tensor]) -> list[dict[str, Tensor]]:
        return [self._detect(image) for image in images]

    def _detect(self, image: Tensor) -> dict[str, Tensor]:
        if self.raw:
            return self.run(image)
        found = self.run(image.movedim(0, -1))
        return found | {"masks": self._masks(found, image)} if "masks" in found else found

    def _masks(self, found: dict[str, Tensor], image: Tensor) -> Tensor:
        from zoo_detection.masks.pasting import paste_masks_in_image

        masks = found["masks"][:, None]
        if self.exported.facts.options["masks"] == "pictures":
            return masks
        return paste_masks_in_image(masks, found["boxes"], (image.shape[-2], image.shape[-1]))
