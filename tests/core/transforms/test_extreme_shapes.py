"""Long and narrow images: what is resized is what the crop needs, or a clear error; never gigabytes."""

import numpy as np
import pytest
import torch
from PIL import Image

from limited_memory import output_within
from marks import SCRIPTING
from reference.fill import photo
from zoo_core.transforms import (
    ImageClassification,
    SemanticSegmentation,
    VideoClassification,
    center_crop,
    pil_to_tensor,
    resize,
)
from zoo_core.transforms._cropped import is_mostly_cut_off, resized_middle_of_picture, resized_middle_of_tensor
from zoo_core.transforms._functional import _PILLOW_FILTERS
from zoo_core.transforms._kernels import fitted_size

MODES = ["nearest", "nearest-exact", "bilinear", "bicubic"]
CASES = [
    # height, width, size, crop
    (60, 90, [28], (20, 24)),
    (60, 90, [100], (90, 33)),
    (3, 200, [40], (40, 40)),
    (200, 3, [40], (31, 37)),
    (1, 300, [25], (24, 22)),
    (300, 1, [25], (30, 30)),
    (15, 700, [7], (7, 7)),
    (700, 15, [5], (3, 9)),
    (64, 64, [64], (10, 10)),
    (40, 70, [33, 180], (30, 30)),
]


def noise(height: int, width: int) -> Image.Image:
    return Image.fromarray(photo(height, width))


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("interpolation", MODES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_middle_of_a_tensor_is_that_of_the_whole_resized(case, interpolation: str, antialias: bool) -> None:
    height, width, size, crop = case
    image = pil_to_tensor(noise(height, width)).double().expand(2, 3, -1, -1) / 255
    resized = fitted_size(height, width, size)
    expected = center_crop(resize(image, resized, interpolation=interpolation, antialias=antialias), crop)
    middle = resized_middle_of_tensor(image, *resized, *crop, interpolation, antialias)  # type: ignore[call-arg]
    assert middle.shape[-2:] == (min(resized[0], crop[0]), min(resized[1], crop[1]))
    torch.testing.assert_close(center_crop(middle, crop), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("interpolation", MODES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_middle_of_integers_differs_by_a_grey_level_at_most(case, interpolation: str) -> None:
    height, width, size, crop = case
    image = pil_to_tensor(noise(height, width))
    resized = fitted_size(height, width, size)
    expected = center_crop(resize(image, resized, interpolation=interpolation), crop).int()
    middle = resized_middle_of_tensor(image, *resized, *crop, interpolation, antialias=True)  # type: ignore[call-arg,misc]
    assert middle.dtype == torch.uint8
    assert (center_crop(middle, crop).int() - expected).abs().max() <= 1


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_middle_of_a_picture_differs_by_a_grey_level_at_most(case, interpolation: str) -> None:
    whole, middle = whole_and_middle(noise(*case[:2]), case, interpolation)
    assert np.abs(whole - middle).max() <= 1


@pytest.mark.parametrize("interpolation", ["nearest", "nearest-exact"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_middle_of_a_picture_is_of_pixels_equally_near(case, interpolation: str) -> None:
    """Halfway between two pixels, rounding decides: they are neighbours."""
    height, width, *_ = case
    places = np.stack(np.meshgrid(np.arange(width) % 251, np.arange(height) % 251, np.arange(1)), -1)[:, :, 0]
    whole, middle = whole_and_middle(Image.fromarray(places.astype(np.uint8)), case, interpolation)
    assert np.isin(np.abs(whole - middle), (0, 1, 250)).all()


def whole_and_middle(image: Image.Image, case: tuple, interpolation: str) -> tuple[np.ndarray, np.ndarray]:
    height, width, size, crop = case
    resized = fitted_size(height, width, size)
    whole = center_crop(resize(image, resized, interpolation=interpolation), crop)
    middle = resized_middle_of_picture(image, *resized, *crop, _PILLOW_FILTERS[interpolation])  # type: ignore[call-arg]
    return np.array(whole).astype(int), np.array(center_crop(middle, crop)).astype(int)


def test_usual_proportions_are_resized_whole_and_stay_bit_by_bit_what_they_were() -> None:
    for height, width in [(500, 375), (4000, 3000), (1080, 1920), (256, 25_600)]:
        assert not is_mostly_cut_off(*fitted_size(height, width, [232]), 224, 224)
    assert is_mostly_cut_off(*fitted_size(1, 60_000, [232]), 224, 224)


def test_what_is_hardly_cut_off_is_resized_whole_however_large() -> None:
    assert not is_mostly_cut_off(8_000, 8_000, 7_000, 7_000)


@pytest.mark.parametrize("shape", [(1, 60_000), (60_000, 1), (2, 40_000)])
@pytest.mark.parametrize("kind", ["PIL", "uint8", "float"])
def test_a_line_is_preprocessed_as_one_of_its_middle(shape: tuple[int, int], kind: str) -> None:
    """Columns that the crop does not need may hold anything."""
    preset = ImageClassification(crop_size=24, resize_size=28)
    grey = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    axis = int(shape[1] > shape[0])
    start = (shape[axis] - 2_000) // 2
    middle = np.ascontiguousarray(np.take(grey, range(start, start + 2_000), axis))

    def as_kind(pixels: np.ndarray) -> Image.Image | torch.Tensor:
        image = Image.fromarray(pixels)
        if kind == "PIL":
            return image
        return pil_to_tensor(image) if kind == "uint8" else pil_to_tensor(image) / 255

    difference = (preset(as_kind(grey)) - preset(as_kind(middle))).abs()
    assert difference.max() <= 1.01 / 255 / 0.224


ALL_PRESETS = """
import sys, torch
from PIL import Image
from zoo_core.transforms import ImageClassification, VideoClassification
size = tuple(map(int, sys.argv[1:3]))
for preset in (ImageClassification(crop_size=224, resize_size=232, interpolation="bicubic"),
               ImageClassification(crop_size=480, resize_size=480)):
    assert preset(Image.new("RGB", size, (9, 9, 9))).shape == (3, *2 * preset.crop_size)
    assert preset(torch.zeros(3, *size, dtype=torch.uint8)).shape == (3, *2 * preset.crop_size)
    assert preset(torch.zeros(3, *size)).shape == (3, *2 * preset.crop_size)
video = VideoClassification(crop_size=224, resize_size=256)
assert video(torch.zeros(16, 3, *size, dtype=torch.uint8)).shape == (3, 16, 224, 224)
"""


@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1), (3, 60_000)])
def test_every_preset_that_crops_takes_lines_in_little_memory_and_time(size: tuple[int, int]) -> None:
    output_within(0.9, ALL_PRESETS, *size, seconds=30)


@SCRIPTING
@pytest.mark.parametrize("interpolation", MODES)
def test_scripted_presets_do_the_same(interpolation: str) -> None:
    preset = ImageClassification(crop_size=24, resize_size=28, interpolation=interpolation)
    line = torch.randint(256, (2, 3, 1, 60_000), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.jit.script(preset)(line), preset(line))
    video = VideoClassification(crop_size=24, resize_size=28, interpolation=interpolation)
    assert torch.equal(torch.jit.script(video)(line), video(line))


def test_compiled_presets_do_the_same() -> None:
    preset = ImageClassification(crop_size=24, resize_size=28)
    line = torch.rand(3, 1, 60_000)
    assert torch.equal(torch.compile(preset, backend="eager", fullgraph=True)(line), preset(line))


@pytest.mark.parametrize("image", [Image.new("RGB", (60_000, 1)), torch.zeros(3, 1, 60_000)], ids=["PIL", "tensor"])
def test_segmentation_refuses_what_would_fill_the_memory(image: Image.Image | torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"60000 x 1 pixels would become one of 31200000 x 520, .* cut it into pieces"):
        SemanticSegmentation(resize_size=520)(image)


def test_segmentation_takes_what_is_16_times_as_long_as_wide() -> None:
    preset = SemanticSegmentation(resize_size=10)
    assert preset(torch.zeros(3, 160, 10)).shape == (3, 160, 10)
    assert SemanticSegmentation(resize_size=None)(torch.zeros(3, 161, 10)).shape == (3, 161, 10)
    assert SemanticSegmentation(resize_size=(10, 200))(torch.zeros(3, 10, 170)).shape == (3, 10, 200)
    with pytest.raises(ValueError, match="at most 16 times"):
        preset(torch.zeros(3, 161, 10))
