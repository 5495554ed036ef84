"""Targets that cannot be trained with: the error says of which image and box."""

import pytest
import torch

from zoo_detection.inputs.targets import LabelError, TargetError, check_labels, check_targets

IMAGES = [torch.zeros(3, 8, 8)] * 2
BOX = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
GOOD = {"boxes": BOX, "labels": torch.tensor([1])}


def test_good_targets_pass_and_so_do_images_without_objects():
    check_targets([GOOD, {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}], IMAGES)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"boxes": [[1, 2, 3, 4]]}, TargetError, "target boxes to be of type Tensor, got <class 'list'> .* index 1"),
        ({"boxes": torch.zeros(4)}, TargetError, r"shape \[N, 4\], got torch.Size\(\[4\]\) for target at index 1"),
        ({"boxes": torch.zeros(1, 5)}, TargetError, r"shape \[N, 4\], got torch.Size\(\[1, 5\]\)"),
        ({"boxes": BOX.bool()}, TypeError, "boxes must of float type, instead got torch.bool .* index 1"),
        ({"boxes": BOX.long() * (2**24 + 1)}, TargetError, "boxes that float32 holds, .* 67108868 .* index 1"),
        ({"labels": torch.tensor([True])}, TypeError, "labels must of int64 type, instead got torch.bool .* index 1"),
        (
            {"keypoints": torch.ones(1, 5, 3, dtype=torch.bool)},
            TypeError,
            "keypoints must of float type, instead got torch.bool .* index 1",
        ),
        ({"labels": torch.tensor([1, 1])}, TargetError, r"each of 1 boxes, got labels of shape torch.Size\(\[2\]\)"),
        ({"labels": torch.tensor([1.0])}, TypeError, "labels must of int64 type, instead got torch.float32 .* index 1"),
        (
            {"boxes": torch.cat([BOX, BOX - BOX]), "labels": torch.tensor([1, 1])},
            TargetError,
            r"positive height and width.* invalid box \[0.0, 0.0, 0.0, 0.0\] at row 1 for target at index 1",
        ),
        ({"boxes": BOX.flip(1)}, TargetError, "at row 0 for target at index 1"),
        ({"boxes": BOX * torch.nan}, TargetError, "at row 0 for target at index 1"),
        ({"boxes": BOX / torch.tensor([1, 1, 0, 1])}, TargetError, "finite corners.* at row 0 for target at index 1"),
    ],
)
def test_a_bad_target_is_refused(changes, error, message):
    with pytest.raises(error, match=message):
        check_targets([GOOD, GOOD | changes], IMAGES)


@pytest.mark.parametrize("integer", [torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32, torch.int64])
def test_integers_of_any_type_are_taken_for_what_they_are(integer):
    keypoints = torch.ones(1, 5, 3)
    target = {"boxes": BOX.to(integer), "labels": torch.tensor([1]).to(integer), "keypoints": keypoints.to(integer)}
    before = dict(target)
    (converted,) = check_targets([target], IMAGES[:1])
    assert torch.equal(converted["boxes"], BOX)
    assert torch.equal(converted["keypoints"], keypoints)
    assert converted["labels"].dtype == torch.int64
    assert target == before  # the caller's own


def test_what_can_be_trained_with_is_not_copied():
    (converted,) = check_targets([GOOD | {"masks": torch.ones(1, 8, 8, dtype=torch.bool)}], IMAGES[:1])
    assert all(converted[name] is GOOD[name] for name in GOOD)


@pytest.mark.parametrize("missing", ["boxes", "labels"])
def test_what_is_missing_is_named(missing):
    with pytest.raises(TargetError, match=f"should have a {missing} key: the target at index 1 has none"):
        check_targets([GOOD, {name: tensor for name, tensor in GOOD.items() if name != missing}], IMAGES)


def test_each_image_needs_a_target():
    with pytest.raises(AssertionError, match="targets should not be none when in training mode"):
        check_targets(None, IMAGES)
    with pytest.raises(TargetError, match="each of 2 images, found 1"):
        check_targets([GOOD], IMAGES)


@pytest.mark.parametrize(("label", "least"), [(0, 1), (3, 1), (-1, 0), (3, 0)])
def test_labels_out_of_range_are_refused(label, least):
    with pytest.raises(LabelError, match=rf"from {least} to 2.*found {label} for the box at row 1 .* at index 1"):
        check_labels([torch.tensor([1]), torch.tensor([2, label])], 3, least=least)


def test_labels_in_range_pass():
    check_labels([torch.tensor([1, 2]), torch.zeros(0, dtype=torch.int64)], 3)
    check_labels([torch.tensor([0, 1, 2])], 3, least=0)
