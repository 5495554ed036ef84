"""The preset of semantic segmentation models, beyond what the reference shows: resized, and nothing cut off."""

from typing import Any

import pytest
import torch
from PIL import Image

from marks import SCRIPTING
from reference.fill import photo
from zoo_core.transforms import SemanticSegmentation, pil_to_tensor


def picture(height: int = 40, width: int = 60) -> Image.Image:
    return Image.fromarray(photo(height, width))


@pytest.mark.parametrize(("size", "shape"), [(20, (20, 30)), ((12, 14), (12, 14)), (None, (40, 60))])
def test_the_smaller_edge_or_both_are_resized_or_none(
    size: int | tuple[int, int] | None, shape: tuple[int, ...]
) -> None:
    preset = SemanticSegmentation(resize_size=size)
    assert preset(picture()).shape == preset(pil_to_tensor(picture())).shape == (3, *shape)


def test_pixels_are_normalised_as_for_imagenet() -> None:
    output = SemanticSegmentation(resize_size=None)(Image.new("RGB", (2, 2), "white"))
    expected = [(1 - mean) / std for mean, std in zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)]
    torch.testing.assert_close(output[:, 0, 0], torch.tensor(expected))


def test_leading_dimensions_stay() -> None:
    assert SemanticSegmentation(resize_size=20)(torch.zeros(2, 5, 3, 30, 40)).shape == (2, 5, 3, 20, 26)


@pytest.mark.parametrize(
    ("arguments", "message"), [({"resize_size": 0}, "found 0"), ({"resize_size": 8, "std": [1]}, "1 in std")]
)
def test_a_wrong_argument_is_refused_at_construction(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SemanticSegmentation(**arguments)


def test_the_size_must_be_stated() -> None:
    with pytest.raises(TypeError, match="resize_size"):
        SemanticSegmentation()  # type: ignore[call-arg]


def test_the_repr_shows_every_argument() -> None:
    assert repr(SemanticSegmentation(resize_size=None, mean=[0.1], std=[2])) == (
        "SemanticSegmentation(resize_size=None, mean=[0.1], std=[2.0], "
        "interpolation=InterpolationMode.BILINEAR, antialias=True)"
    )


@SCRIPTING
@pytest.mark.parametrize("size", [20, None])
def test_a_scripted_preset_gives_the_same(size: int | None) -> None:
    preset, image = SemanticSegmentation(resize_size=size), pil_to_tensor(picture())
    assert torch.equal(torch.jit.script(preset)(image), preset(image))
