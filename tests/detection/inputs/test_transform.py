"""Images, targets and results on their way through the transform."""

import math

import pytest
import torch
from torch.nn import functional as F

from zoo_detection import fasterrcnn_mobilenet_v3_large_320_fpn, ssdlite320_mobilenet_v3_large
from zoo_detection.inputs.transform import GeneralizedRCNNTransform, resize_target
from zoo_detection.masks.pasting import paste_masks_in_image

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def transform(min_size=64, max_size=100, **kwargs):
    return GeneralizedRCNNTransform(min_size, max_size, MEAN, STD, **kwargs)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((50, 50), (64, 64)),
        ((50, 60), (64, 76)),
        ((60, 50), (76, 64)),
        ((200, 256), (64, 81)),
        ((10, 100), (10, 100)),
        ((300, 30), (100, 10)),
        ((2000, 1), (100, 1)),
        ((1, 2000), (1, 100)),
        ((60_000, 7), (100, 1)),
        ((1, 1), (64, 64)),
    ],
)
def test_shorter_side_gets_its_length_unless_the_longer_one_would_be_too_long(size, expected):
    images, _ = transform()([torch.rand(3, *size)])
    assert images.image_sizes == [expected]
    assert images.tensors.shape == (1, 3, *(math.ceil(side / 32) * 32 for side in expected))


def test_images_are_normalised_resized_and_padded_with_zeros():
    image = torch.rand(3, 40, 60)
    images, _ = transform()([image, torch.rand(3, 64, 64)])
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    expected = F.interpolate(((image - mean) / std)[None], size=(64, 96), mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(images.tensors[0, :, :64, :96], expected)
    assert not images.tensors[1, :, :, 64:].any()
    assert images.tensors.shape == (2, 3, 64, 96)


def test_fixed_size_is_width_and_height_whatever_the_image():
    images, _ = transform(fixed_size=(96, 32))([torch.rand(3, 10, 90)])
    assert images.image_sizes == [(32, 96)]


def test_training_draws_from_several_sizes_and_evaluation_takes_the_last():
    several = transform([32, 48, 64])
    torch.manual_seed(0)
    sides = {several([torch.rand(3, 20, 20)])[0].image_sizes[0][0] for _ in range(30)}
    assert sides == {32, 48, 64}
    several.eval()
    assert {several([torch.rand(3, 20, 20)])[0].image_sizes[0][0] for _ in range(10)} == {64}


def test_targets_are_scaled_with_their_images_and_the_originals_stay():
    target = {
        "boxes": torch.tensor([[10.0, 20.0, 30.0, 40.0]]),
        "labels": torch.tensor([1]),
        "masks": torch.zeros(1, 50, 100, dtype=torch.uint8),
        "keypoints": torch.tensor([[[10.0, 20.0, 1.0]]]),
    }
    target["masks"][0, 20:40, 10:30] = 1
    before = {name: tensor.clone() for name, tensor in target.items()}
    _, scaled = transform(100, 200)([torch.rand(3, 50, 100)], [target])
    assert all(torch.equal(target[name], before[name]) for name in before)
    assert scaled[0]["boxes"].tolist() == [[20, 40, 60, 80]]
    assert scaled[0]["keypoints"].tolist() == [[[20, 40, 1]]]
    assert scaled[0]["masks"].dtype == torch.uint8
    assert scaled[0]["masks"].nonzero()[[0, -1]].tolist() == [[0, 40, 20], [0, 79, 59]]
    assert scaled[0]["labels"] is target["labels"]


def test_results_come_back_to_the_size_of_the_image():
    found = {
        "boxes": torch.tensor([[20.0, 40.0, 60.0, 80.0]]),
        "keypoints": torch.tensor([[[20.0, 40.0, 1.0]]]),
        "masks": torch.ones(1, 1, 28, 28),
    }
    (result,) = transform().eval().postprocess([found], [(100, 200)], [(50, 100)])
    assert result["boxes"].tolist() == [[10, 20, 30, 40]]
    assert result["keypoints"].tolist() == [[[10, 20, 1]]]
    assert result["masks"].shape == (1, 1, 50, 100)
    assert result["masks"][0, 0, 30, 20] == 1
    assert found["boxes"].tolist() == [[20, 40, 60, 80]]


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        ([], ValueError, "got an empty one"),
        ([torch.rand(3, 9, 9), torch.rand(9, 9)], ValueError, r"got \(9, 9\) as image 1"),
        ([torch.zeros(3, 9, 9, dtype=torch.uint8)], TypeError, "floating type .* torch.uint8 instead as image 0"),
        (["image.jpg"], TypeError, "found str as image 0"),
        ([torch.rand(4, 9, 9)], ValueError, "Expected images of 3 channels, found 4 in image 0"),
    ],
)
def test_images_that_cannot_be_read_are_refused(images, error, message):
    with pytest.raises(error, match=message):
        transform()(images)


def test_masks_of_targets_are_resized_to_the_pixel():
    masks = torch.rand(2, 33, 47).round().byte()
    resized = resize_target({"boxes": torch.zeros(0, 4), "masks": masks}, (33, 47), (66, 94))
    assert torch.equal(resized["masks"], masks.repeat_interleave(2, 1).repeat_interleave(2, 2))


def paste_one_by_one(masks, boxes, size):
    """Do as the definition says: resize each padded mask to its box, and copy what of it is in the image."""
    pasted = torch.zeros(len(masks), 1, *size)
    for mask, box, image in zip(masks, boxes, pasted, strict=True):
        centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * (30 / 28)
        x1, y1, x2, y2 = torch.cat([centre - half, centre + half]).int().tolist()
        height, width = max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1)
        resized = F.interpolate(F.pad(mask, (1, 1, 1, 1))[None], (height, width), mode="bilinear")[0, 0]
        for y in range(max(y1, 0), min(y1 + height, size[0])):
            left = max(x1, 0)
            right = max(left, min(x1 + width, size[1]))
            image[0, y, left:right] = resized[y - y1, left - x1 : right - x1]
    return pasted


def test_pasted_masks_are_those_pasted_one_by_one():
    torch.manual_seed(0)
    corners = torch.rand(40, 2) * 60 - 5
    boxes = torch.cat([corners, corners + torch.rand(40, 2) * torch.logspace(-1, 2, 40)[:, None]], dim=1)
    masks = torch.rand(40, 1, 28, 28)
    torch.testing.assert_close(paste_masks_in_image(masks, boxes, (50, 60)), paste_one_by_one(masks, boxes, (50, 60)))


def test_no_masks_are_pasted_to_none():
    assert paste_masks_in_image(torch.zeros(0, 1, 28, 28), torch.zeros(0, 4), (5, 6)).shape == (0, 1, 5, 6)


@pytest.mark.parametrize("build", [fasterrcnn_mobilenet_v3_large_320_fpn, ssdlite320_mobilenet_v3_large])
def test_lines_are_images_too(build):
    model = build(weights=None, weights_backbone=None).eval()
    for height, width in ((1, 2000), (2000, 1), (1, 60_000), (1, 1)):
        with torch.inference_mode():
            (found,) = model([torch.rand(3, height, width)])
        assert found["boxes"].shape[1] == 4
        assert not len(found["boxes"]) or found["boxes"].max() <= max(height, width)
