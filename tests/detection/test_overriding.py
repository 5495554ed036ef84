"""What a subclass of a detector's part overrides is called, with the arguments that torchvision gives it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from detection.small_detectors import detector, images, targets


class Point(NamedTuple):
    """A method that may be overridden."""

    kind: str
    part: str
    """Where it is in the detector; empty for the detector itself."""
    method: str
    parameters: str
    """The names of its arguments, in their order."""


POINTS = [
    *(Point(kind, "", "eager_outputs", "losses detections") for kind in ("FasterRCNN", "RetinaNet", "FCOS", "SSD")),
    Point("RetinaNet", "", "compute_loss", "targets head_outputs anchors"),
    Point("FCOS", "", "compute_loss", "targets head_outputs anchors num_anchors_per_level"),
    Point("SSD", "", "compute_loss", "targets head_outputs anchors matched_idxs"),
    Point("RetinaNet", "", "postprocess_detections", "head_outputs anchors image_shapes"),
    Point("FCOS", "", "postprocess_detections", "head_outputs anchors image_shapes"),
    Point("SSD", "", "postprocess_detections", "head_outputs image_anchors image_shapes"),
    Point("RetinaNet", "head", "compute_loss", "targets head_outputs anchors matched_idxs"),
    Point("FCOS", "head", "compute_loss", "targets head_outputs anchors matched_idxs"),
    Point("RetinaNet", "head.classification_head", "compute_loss", "targets head_outputs matched_idxs"),
    Point("RetinaNet", "head.regression_head", "compute_loss", "targets head_outputs anchors matched_idxs"),
    *(Point(kind, "transform", "normalize", "image") for kind in ("FasterRCNN", "FCOS")),
    Point("SSD", "transform", "resize", "image target"),
    Point("MaskRCNN", "transform", "resize", "image target"),
    Point("RetinaNet", "transform", "batch_images", "images size_divisible"),
    Point("KeypointRCNN", "transform", "postprocess", "result image_shapes original_image_sizes"),
    Point("RetinaNet", "anchor_generator", "grid_anchors", "grid_sizes strides"),
    Point("FasterRCNN", "rpn.anchor_generator", "grid_anchors", "grid_sizes strides"),
    Point("SSD", "anchor_generator", "_grid_default_boxes", "grid_sizes image_size dtype"),
    Point("FasterRCNN", "rpn", "filter_proposals", "proposals objectness image_shapes num_anchors_per_level"),
    Point("FasterRCNN", "rpn", "assign_targets_to_anchors", "anchors targets"),
    Point("FasterRCNN", "rpn", "compute_loss", "objectness pred_bbox_deltas labels regression_targets"),
    Point("FasterRCNN", "rpn.box_coder", "decode", "rel_codes boxes"),
    Point("FasterRCNN", "rpn.box_coder", "encode", "reference_boxes proposals"),
    Point("FasterRCNN", "rpn.box_coder", "decode_single", "rel_codes boxes"),
    Point("FasterRCNN", "rpn.box_coder", "encode_single", "reference_boxes proposals"),
    Point("FasterRCNN", "rpn.proposal_matcher", "__call__", "match_quality_matrix"),
    Point("FasterRCNN", "rpn.fg_bg_sampler", "__call__", "matched_idxs"),
    Point("FasterRCNN", "roi_heads", "add_gt_proposals", "proposals gt_boxes"),
    Point("FasterRCNN", "roi_heads", "assign_targets_to_proposals", "proposals gt_boxes gt_labels"),
    Point("FasterRCNN", "roi_heads", "subsample", "labels"),
    Point("FasterRCNN", "roi_heads", "select_training_samples", "proposals targets"),
    Point("FasterRCNN", "roi_heads", "postprocess_detections", "class_logits box_regression proposals image_shapes"),
    Point("FasterRCNN", "roi_heads.box_coder", "decode", "rel_codes boxes"),
    Point("FasterRCNN", "roi_heads.box_coder", "encode", "reference_boxes proposals"),
    Point("FasterRCNN", "roi_heads.proposal_matcher", "__call__", "match_quality_matrix"),
    Point("FasterRCNN", "roi_heads.fg_bg_sampler", "__call__", "matched_idxs"),
    Point("MaskRCNN", "roi_heads.mask_roi_pool", "forward", "x boxes image_shapes"),
    Point("RetinaNet", "box_coder", "decode_single", "rel_codes boxes"),
    Point("RetinaNet", "head.regression_head.box_coder", "encode_single", "reference_boxes proposals"),
    Point("SSD", "box_coder", "encode_single", "reference_boxes proposals"),
    Point("FCOS", "box_coder", "decode", "rel_codes boxes"),
    Point("FCOS", "head.box_coder", "encode", "reference_boxes proposals"),
    Point("RetinaNet", "proposal_matcher", "__call__", "match_quality_matrix"),
    Point("SSD", "proposal_matcher", "__call__", "match_quality_matrix"),
]


def override(model: nn.Module, point: Point, change: Callable[[Any], Any]) -> list[int]:
    """Put a subclass in a part's place, which changes what the method returns; return the list of calls."""
    part: Any = model
    for name in filter(None, point.part.split(".")):
        part = getattr(part, name)
    own, names, calls = getattr(type(part), point.method), point.parameters.split(), []

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        assert [*names[: len(args)], *kwargs] == names
        calls.append(1)
        return change(own(self, **dict(zip(names, args, strict=False)), **kwargs))

    part.__class__ = type(type(part).__name__, (type(part),), {point.method: method})
    return calls


def outcome(model: nn.Module) -> list[Tensor]:
    """Return all losses and detections of a detector."""
    torch.manual_seed(0)
    losses = model.train()(images(), targets())
    with torch.no_grad():
        detections = model.eval()(images())
    return [each.detach() for part in (losses, *detections) for _, each in sorted(part.items())]


def spoilt(value: Any) -> Any:
    """Change all numbers in something."""
    if isinstance(value, Tensor):
        if value.dtype == torch.bool:
            return torch.zeros_like(value)
        return (
            value * 0.75 + 0.1 if value.is_floating_point() else value[: len(value) // 2] if value.dim() == 1 else value
        )
    if isinstance(value, dict):
        return {name: spoilt(each) for name, each in value.items()}
    return type(value)(map(spoilt, value)) if isinstance(value, (list, tuple)) else value


def as_background(value: Any) -> Any:
    """Turn matches, labels, and masks of what is drawn, into those where nothing is found."""
    if isinstance(value, Tensor):
        return value if value.is_floating_point() else torch.zeros_like(value)
    return type(value)(map(as_background, value))


CHANGES: dict[str, Callable[[Any], Any]] = {
    "resize": lambda result: (result[0] * 0.5, result[1]),
    "__call__": as_background,
    "assign_targets_to_proposals": as_background,
    "select_training_samples": as_background,
    "eager_outputs": lambda result: spoilt(result) if isinstance(result, dict) else [spoilt(each) for each in result],
    "postprocess_detections": lambda result: (
        spoilt(result) if isinstance(result, list) else (spoilt(result[0]), *result[1:])
    ),
}


@pytest.mark.parametrize("point", POINTS, ids=lambda point: f"{point.kind}.{point.part}.{point.method}")
def test_an_override_is_called_and_counts(point: Point) -> None:
    model = detector(point.kind)
    expected = outcome(model)
    calls = override(model, point, lambda result: result)
    assert all(map(torch.equal, outcome(model), expected))
    assert calls
    override(model, point, CHANGES.get(point.method, spoilt))
    found = outcome(model)
    assert not (len(found) == len(expected) and all(map(torch.equal, found, expected)))


@pytest.mark.parametrize("kind", ["FasterRCNN", "RetinaNet"])
def test_cell_anchors_are_set_and_sizes_chosen_by_overrides(kind: str) -> None:
    model = detector(kind)
    part = "rpn.anchor_generator" if kind == "FasterRCNN" else "anchor_generator"
    set_anchors = override(model, Point(kind, part, "set_cell_anchors", "dtype device"), lambda result: result)
    chosen = override(model, Point(kind, "transform", "torch_choice", "k"), lambda _: 32)
    outcome(model)
    assert len(set_anchors) == 2
    assert len(chosen) == len(images())
    model.train()
    assert model.transform(images())[0].image_sizes == [(32, 41), (34, 32)]


def test_more_matches_may_be_set_than_the_best() -> None:
    model = detector("RetinaNet")
    expected = outcome(model)
    point = Point("", "proposal_matcher", "set_low_quality_matches_", "matches all_matches match_quality_matrix")
    calls = override(model, point, lambda result: result)
    assert all(map(torch.equal, outcome(model), expected))
    assert calls
    matcher: Any = model.proposal_matcher
    everything = {"set_low_quality_matches_": lambda self, matches, all_matches, quality: matches.copy_(all_matches)}
    matcher.__class__ = type("Everything", (type(matcher),), everything)
    assert not torch.equal(outcome(model)[1], expected[1])


def test_targets_are_checked_by_an_override_alone() -> None:
    model = detector("FasterRCNN").train()
    seen: list[Any] = []
    heads: Any = model.roi_heads
    heads.__class__ = type("Heads", (type(heads),), {"check_targets": lambda self, targets: seen.append(targets)})
    model(images(), targets())
    assert len(seen) == 1


def test_another_similarity_decides_what_is_matched() -> None:
    model = detector("FasterRCNN")
    expected = outcome(model)
    for part in (model.rpn, model.roi_heads):
        own = part.box_similarity
        part.box_similarity = lambda true, boxes, own=own: own(true, boxes) * 0.1
    assert not torch.equal(outcome(model)[1], expected[1])


def test_a_method_put_into_one_detector_is_called() -> None:
    model = detector("FasterRCNN").eval()
    own, seen = model.rpn.filter_proposals, []

    def few(proposals: Tensor, objectness: Tensor, *sizes: Any) -> Any:
        seen.append((tuple(proposals.shape), tuple(objectness.shape)))
        boxes, scores = own(proposals, objectness, *sizes)
        return [each[:1] for each in boxes], [each[:1] for each in scores]

    model.rpn.filter_proposals = few
    found = model(images())
    number = 96 // 8 * (96 // 8) * 6
    assert seen == [((2, number, 4), (2 * number, 1))]
    assert [len(each["boxes"].unique(dim=0)) <= 2 for each in found] == [True, True]


def test_images_of_another_type_are_up_to_an_override_of_normalize() -> None:
    model = detector("FasterRCNN").eval()
    own = type(model.transform).normalize
    transform: Any = model.transform
    scaled = {"normalize": lambda self, image: own(self, image.float() / 255)}
    transform.__class__ = type("FromBytes", (type(transform),), scaled)
    assert len(model([torch.zeros(3, 64, 64, dtype=torch.uint8)])) == 1


@pytest.mark.parametrize("kind", ["FasterRCNN", "SSD"])
def test_resizing_is_skipped_in_training_alone(kind: str) -> None:
    transform = detector(kind, _skip_resize=True).transform
    batch, resized = transform.train()(images(), targets())
    assert batch.image_sizes == [(70, 90), (64, 60)]
    assert all(torch.equal(one["boxes"], other["boxes"]) for one, other in zip(resized, targets(), strict=True))
    assert transform.eval()(images())[0].image_sizes != [(70, 90), (64, 60)]
