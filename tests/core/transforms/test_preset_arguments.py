"""The forms in which a preset is told how to interpolate, and the words in which it says what it does."""

from enum import Enum
from typing import Any

import pytest
import torch
from PIL import Image

from zoo_core.transforms import (
    ImageClassification,
    InterpolationMode,
    ObjectDetection,
    OpticalFlow,
    SemanticSegmentation,
    VideoClassification,
    resize,
)


class OtherMode(Enum):
    """As another library's."""

    BICUBIC = "bicubic"
    LANCZOS = "lanczos"


@pytest.mark.parametrize(
    "given", ["bicubic", InterpolationMode.BICUBIC, OtherMode.BICUBIC, 3, Image.Resampling.BICUBIC], ids=repr
)
@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        (ImageClassification, {"crop_size": 8}),
        (SemanticSegmentation, {"resize_size": 8}),
        (VideoClassification, {"crop_size": 8, "resize_size": 8}),
    ],
)
def test_interpolation_may_be_an_enum_s_member_a_name_or_pillow_s_number(kind: Any, kwargs: Any, given: Any) -> None:
    assert kind(**kwargs, interpolation=given).interpolation is InterpolationMode.BICUBIC
    picture = torch.rand(3, 20, 20)
    assert torch.equal(resize(picture, 8, interpolation=given), resize(picture, 8, interpolation="bicubic"))


@pytest.mark.parametrize(("number", "name"), [(0, "nearest"), (2, "bilinear"), (3, "bicubic")])
def test_numbers_are_pillow_s(number: int, name: str) -> None:
    assert InterpolationMode(number).value == name  # type: ignore[arg-type]
    assert Image.Resampling(number).name.lower() == name


@pytest.mark.parametrize("given", [7, True, None, "linear"])
def test_another_interpolation_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match=r"interpolation must be one of 'nearest', .*, 'bicubic', .*; found"):
        ImageClassification(crop_size=8, interpolation=given)


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        (
            ImageClassification(crop_size=224, interpolation="bicubic"),
            "Takes a PIL image or a tensor (..., C, H, W), batched or not. It is resized to 256 pixels at the shorter "
            "side, bicubic. The middle of 224 x 224 pixels is cut out. Pixels are scaled to [0.0, 1.0]. They are "
            "normalised with mean=[0.485, 0.456, 0.406] and std=[0.229, 0.224, 0.225].",
        ),
        (
            SemanticSegmentation(resize_size=None, mean=[0.5], std=[0.25]),
            "Takes a PIL image or a tensor (..., C, H, W), batched or not. Pixels are scaled to [0.0, 1.0]. They are "
            "normalised with mean=[0.5] and std=[0.25].",
        ),
        (
            VideoClassification(crop_size=(8, 9), resize_size=(10, 12), mean=[0.5], std=[0.25]),
            "Takes a tensor of frames (..., T, C, H, W), batched or not. It is resized to 10 x 12 pixels, bilinear. "
            "The middle of 8 x 9 pixels is cut out. Pixels are scaled to [0.0, 1.0]. They are normalised with "
            "mean=[0.5] and std=[0.25]. Dimensions become (..., C, T, H, W).",
        ),
        (
            ObjectDetection(),
            "Takes a PIL image or a tensor (..., C, H, W), batched or not. Pixels are scaled to [0.0, 1.0].",
        ),
        (
            OpticalFlow(),
            "Takes two PIL images or tensors (..., C, H, W), batched or not. Pixels are scaled to [-1.0, 1.0].",
        ),
    ],
)
def test_a_preset_describes_itself(preset: Any, expected: str) -> None:
    assert preset.describe() == expected
