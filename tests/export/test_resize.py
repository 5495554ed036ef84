"""Resizing by matrices gives what presets give, for pictures of any size."""

import random

import pytest
import torch
from torch import Tensor

from zoo_core.transforms import center_crop, resize
from zoo_export._resize import Resize, ResizeAndCrop, resize_to

SIZES = [(random.Random(seed).randint(1, 150), random.Random(-1 - seed).randint(1, 150)) for seed in range(30)]
"""Heights and widths."""


def pictures(height: int, width: int) -> Tensor:
    torch.manual_seed(height * 1000 + width)
    return torch.randint(0, 256, (2, 3, height, width), dtype=torch.uint8)


def assert_same_levels(found: Tensor, expected: Tensor) -> None:
    """Check that grey levels are the same, but for those that are between two."""
    assert found.shape == expected.shape
    difference = (found - expected.float()).abs()
    assert difference.max() <= 1
    assert (difference > 0).double().mean() <= 0.01


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [[32], [20, 45]], ids=["edge", "both"])
def test_resizing_agrees_with_the_transform(size: list[int], interpolation: str) -> None:
    for height, width in SIZES:
        given = pictures(height, width)
        expected = resize(given, size, interpolation=interpolation)
        assert_same_levels(Resize(size, interpolation)(given.float()), expected)


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize(("size", "crop"), [([32], [28, 28]), ([20, 45], [25, 31]), ([24], [40, 17])])
def test_resizing_and_cropping_agrees_with_the_transforms(size: list[int], crop: list[int], *, antialias: bool) -> None:
    for height, width in SIZES:
        given = pictures(height, width)
        expected = center_crop(resize(given, size, antialias=antialias), crop)
        assert_same_levels(ResizeAndCrop(size, crop, antialias=antialias)(given.float()), expected)


@pytest.mark.parametrize("antialias", [True, False])
def test_scores_are_resized_as_label_maps_are(*, antialias: bool) -> None:
    scores = torch.rand(1, 4, 13, 17)
    for size in ((13, 17), (5, 40), (26, 34), (7, 3)):
        expected = torch.nn.functional.interpolate(scores, size, mode="bilinear", antialias=antialias)
        torch.testing.assert_close(resize_to(scores, *size, antialias=antialias), expected, rtol=0, atol=1e-5)


def test_pictures_without_a_size_to_resize_to_stay() -> None:
    given = torch.rand(1, 3, 5, 7)
    assert Resize(None)(given) is given


@pytest.mark.parametrize(("interpolation", "antialias"), [("nearest", True), ("bicubic", False)])
def test_what_cannot_be_exported_is_refused(interpolation: str, *, antialias: bool) -> None:
    with pytest.raises(ValueError, match=r"can(not)? be exported"):
        Resize([32], interpolation, antialias)
    with pytest.raises(ValueError, match=r"can(not)? be exported"):
        ResizeAndCrop([32], [32], interpolation, antialias)
