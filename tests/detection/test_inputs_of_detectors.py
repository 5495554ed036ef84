"""What every detector takes: backbones and targets of several forms, and losses in evaluation."""

import pytest
import torch
from torch import nn

from detection.small_detectors import KINDS, detector, filled, images, targets
from zoo_detection import FasterRCNN, TargetError
from zoo_detection.ops import FeaturePyramidNetwork

EACH_KIND = pytest.mark.parametrize("kind", KINDS)


def losses_of(kind: str, changed: list[dict[str, torch.Tensor]]) -> dict[str, float]:
    model = detector(kind).train()
    torch.manual_seed(0)
    losses = model(images(), changed)
    sum(losses.values()).backward()
    return {name: loss.item() for name, loss in losses.items()}


@EACH_KIND
@pytest.mark.parametrize("form", ["list", "tuple", "dict"])
def test_levels_may_come_in_any_form(kind: str, form: str) -> None:
    with torch.inference_mode():
        expected, found = (detector(kind, each).eval()(images()) for each in ("tensor", form))
    for one, other in zip(found, expected, strict=True):
        assert len(one["boxes"]) > 0
        assert all(torch.equal(one[name], other[name]) for name in other)


def test_levels_of_another_form_are_refused() -> None:
    model = detector("RetinaNet").eval()
    model.backbone.conv.forward = lambda x: nn.ParameterList([x])
    model.backbone.forward = lambda x: "features"
    with pytest.raises(TypeError, match="a list or tuple of tensors, or a dictionary of tensors by name; found str"):
        model(images())


def test_a_pyramid_stands_on_a_list_of_levels() -> None:
    pyramid = FeaturePyramidNetwork([8, 16], 4)
    levels = [torch.rand(1, 8, 8, 8), torch.rand(1, 16, 4, 4)]
    found = pyramid(levels)
    assert list(found) == ["0", "1"]
    assert all(map(torch.equal, found.values(), pyramid(dict(zip("ab", levels, strict=True))).values()))


@EACH_KIND
@pytest.mark.parametrize("integer", [torch.uint8, torch.int32, torch.int64])
def test_integers_train_as_floating_point_does(kind: str, integer: torch.dtype) -> None:
    keys = ("boxes", "labels", "masks", "keypoints")
    changed = [{key: target[key].to(integer) for key in keys} for target in targets()]
    assert losses_of(kind, changed) == losses_of(kind, targets())


@pytest.mark.parametrize("kind", ["MaskRCNN"])
def test_masks_may_be_booleans(kind: str) -> None:
    changed = [target | {"masks": target["masks"].bool()} for target in targets()]
    assert losses_of(kind, changed) == losses_of(kind, targets())


@EACH_KIND
def test_evaluation_can_give_losses_and_detections(kind: str) -> None:
    model = detector(kind)
    names = list(model.train()(images(), targets()))
    model.eval()
    with torch.no_grad():
        expected = model(images())
        losses, detections = model(images(), targets(), compute_losses=True)
    assert list(losses) == names
    assert all(loss.isfinite() for loss in losses.values())
    for one, other in zip(detections, expected, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in other)


@EACH_KIND
def test_losses_of_one_stage_are_those_of_training(kind: str) -> None:
    model = detector(kind)
    torch.manual_seed(0)
    trained = model.train()(images(), targets(), compute_losses=True)
    torch.manual_seed(0)
    evaluated, _ = model.eval()(images(), targets(), compute_losses=True)
    same = [name for name in trained if torch.equal(trained[name], evaluated[name])]
    assert len(same) == (len(trained) if kind in {"RetinaNet", "FCOS", "SSD"} else len(same))
    assert trained.keys() == evaluated.keys()


@EACH_KIND
def test_losses_need_targets(kind: str) -> None:
    with pytest.raises(TargetError, match="targets should not be none"):
        detector(kind).eval()(images(), compute_losses=True)


@EACH_KIND
def test_evaluation_looks_at_no_targets_unless_it_is_to(kind: str) -> None:
    with torch.inference_mode():
        assert isinstance(detector(kind).eval()(images(), ["no target"]), list)


def test_a_part_tells_that_training_needs_targets() -> None:
    model = detector("FasterRCNN").train()
    assert isinstance(model, FasterRCNN)
    batch, _ = model.transform(images())
    features = {"0": model.backbone(batch.tensors)}
    with pytest.raises(AssertionError, match="targets should not be none"):
        model.rpn(batch, features)
    with pytest.raises(AssertionError, match="targets should not be none"):
        model.roi_heads(features, [torch.ones(1, 4)] * 2, batch.image_sizes)


# Draws

# What torchvision 0.28 gives for the same weights, images and targets, after the same seed.
LOSSES = {
    "FasterRCNN": {
        "loss_classifier": 1.0841,
        "loss_box_reg": 0.94949,
        "loss_objectness": 0.69965,
        "loss_rpn_box_reg": 0.0014219,
    },
    "MaskRCNN": {
        "loss_classifier": 1.09,
        "loss_box_reg": 1.2334,
        "loss_mask": 0.71319,
        "loss_objectness": 0.69057,
        "loss_rpn_box_reg": 0.0017175,
    },
    "KeypointRCNN": {
        "loss_classifier": 1.0339,
        "loss_box_reg": 1.1193,
        "loss_keypoint": 8.1029,
        "loss_objectness": 0.70249,
        "loss_rpn_box_reg": 0.0017811,
    },
    "RetinaNet": {"classification": 32.478, "bbox_regression": 0.6667},
    "FCOS": {"classification": 2.2511, "bbox_regression": 0.99992, "bbox_ctrness": 0.69331},
    "SSD": {"bbox_regression": 4.5756, "classification": 8.2502},
}


@EACH_KIND
def test_a_seed_draws_what_torchvision_draws(kind: str) -> None:
    model = filled(detector(kind)).train()
    torch.manual_seed(0)
    losses = model(images(), targets())
    assert {name: loss.item() for name, loss in losses.items()} == pytest.approx(LOSSES[kind], rel=2e-4)
