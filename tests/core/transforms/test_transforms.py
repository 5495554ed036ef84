import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from marks import SCRIPTING
from reference.fill import photo
from zoo_core.transforms import (
    ImageClassification,
    InterpolationMode,
    ObjectDetection,
    OpticalFlow,
    SemanticSegmentation,
    resize,
    to_float,
)

PRESETS = {"ImageClassification": ImageClassification, "SemanticSegmentation": SemanticSegmentation}
REFERENCE = Path(__file__).parents[2] / "reference" / "transforms.json"
RECORDS = [
    pytest.param(record["transforms"], case, id=f"{record['example']}-{case['as']}-{case['photo'][0]}")
    for record in json.loads(REFERENCE.read_text())
    if record["transforms"]["preset"] in PRESETS
    for case in record["cases"]
]
MODES = ["nearest", "nearest-exact", "bilinear", "bicubic"]


def as_tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def picture(height: int = 60, width: int = 90) -> Image.Image:
    return Image.fromarray(photo(height, width))


def pixels(height: int = 60, width: int = 90) -> Tensor:
    return as_tensor(picture(height, width))


# Agreement with torchvision


@pytest.mark.parametrize(("transforms", "case"), RECORDS)
def test_a_preset_gives_what_torchvision_gives(transforms: dict, case: dict) -> None:
    image = Image.fromarray(photo(*case["photo"]))
    preset = PRESETS[transforms["preset"]](**transforms["kwargs"])
    output = preset(image if case["as"] == "PIL" else as_tensor(image))
    expected = case["output"]
    grey_level = 1 / 255 / torch.tensor(preset.std) + 1e-6

    assert list(output.shape) == expected["shape"]
    assert output.dtype == torch.float32
    index = torch.tensor(expected["index"])
    difference = (output.flatten()[index] - torch.tensor(expected["value"])).abs()
    assert (difference <= grey_level[index // output[0].numel()]).all()
    assert output.mean().item() == pytest.approx(expected["mean"], abs=2e-3)
    assert output.std().item() == pytest.approx(expected["std"], abs=2e-3)


def test_every_configuration_of_the_reference_is_tested() -> None:
    assert len(RECORDS) == (28 + 1) * 4


# Inputs of a preset


@pytest.mark.parametrize("leading", [(), (1,), (2,), (2, 3), (0,)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_leading_dimensions_stay(leading: tuple[int, ...], dtype: torch.dtype) -> None:
    batch = to_float(pixels()) if dtype.is_floating_point else pixels()
    preset = ImageClassification(crop_size=(20, 24), resize_size=28)
    output = preset(batch.expand(*leading, -1, -1, -1))
    assert output.shape == (*leading, 3, 20, 24)
    torch.testing.assert_close(output, preset(batch).expand_as(output))


def test_a_float_tensor_is_not_scaled_again() -> None:
    preset = ImageClassification(crop_size=20, resize_size=28)
    assert (preset(to_float(pixels())) - preset(pixels())).abs().max() < 0.6 / 255 / 0.224


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(dtype: torch.dtype) -> None:
    preset = ImageClassification(crop_size=20, resize_size=28)
    image = to_float(pixels())
    output = preset(image.to(dtype))
    assert output.dtype == torch.float32
    torch.testing.assert_close(output, preset(image), atol=0.05, rtol=0)


@pytest.mark.parametrize("image", [torch.rand(3, 20, 20), torch.rand(2, 3, 40, 40)], ids=["fits", "to be resized"])
def test_the_input_is_left_as_it_was(image: Tensor) -> None:
    before = image.clone()
    ImageClassification(crop_size=20, resize_size=20)(image)
    assert torch.equal(image, before)


def test_a_pil_image_gives_a_contiguous_tensor() -> None:
    assert ImageClassification(crop_size=20, resize_size=28)(picture()).is_contiguous()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_a_pil_image_of_another_mode_becomes_rgb(mode: str) -> None:
    preset = ImageClassification(crop_size=8, resize_size=8)
    white: dict[str, Any] = {
        "1": 1,
        "L": 255,
        "LA": (255, 255),
        "P": 0,
        "RGBA": (9, 9, 9, 0),
        "CMYK": (0, 0, 0, 0),
        "I;16": 65535,
    }
    image = Image.new(mode, (9, 9), white[mode])
    if mode == "P":
        image.putpalette([255, 255, 255])
    assert torch.equal(preset(image), preset(Image.new("RGB", (9, 9), "white")))


def test_one_value_of_mean_makes_a_pil_image_grey() -> None:
    preset = ImageClassification(crop_size=8, resize_size=8, mean=[0.5], std=[0.5])
    output = preset(Image.new("RGBA", (9, 9), (255, 0, 0, 255)))
    torch.testing.assert_close(output, torch.full((1, 8, 8), (76 / 255 - 0.5) / 0.5))


def test_a_pil_image_for_a_number_of_channels_that_no_mode_has_is_an_error() -> None:
    preset = ImageClassification(crop_size=8, mean=[0.5] * 5, std=[0.5] * 5)
    with pytest.raises(ValueError, match=r"mean and std have 5 values: pass a tensor \(\.\.\., 5, H, W\)"):
        preset(picture())


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((8, 8, 3)), r"found numpy\.ndarray: .*permute\(2, 0, 1\)"),
        ("cat.jpg", r"found str: .*read_image"),
        (None, "found NoneType"),
    ],
)
def test_an_input_of_another_type_is_a_type_error_that_says_what_to_pass(image: Any, message: str) -> None:
    with pytest.raises(TypeError, match=f"Expected a PIL image or a tensor .*{message}"):
        ImageClassification(crop_size=8)(image)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.zeros(9, 9), r"shape \(\.\.\., C, H, W\).*found shape \[9, 9\]"),
        (torch.zeros(3, 0, 9), r"at least one pixel, found shape \[3, 0, 9\]"),
        (torch.zeros(1, 9, 9), r"Expected 3 channels.* has 1"),
        (torch.zeros(2, 4, 9, 9), r"Expected 3 channels.* has 4"),
        (Image.new("RGB", (0, 9)), "at least one pixel, found 0 x 9"),
        (Image.new("F", (9, 9)), "mode 'F'"),
    ],
)
def test_an_image_that_does_not_fit_is_a_value_error(image: Tensor | Image.Image, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImageClassification(crop_size=8, resize_size=8)(image)


# Arguments of a preset


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"crop_size": 0}, "crop_size must be .* above 0 .* found 0"),
        ({"crop_size": -8}, "crop_size must be .* found -8"),
        ({"crop_size": 8.5}, "crop_size must be .* found 8.5"),
        ({"crop_size": "8"}, "crop_size must be .* found '8'"),
        ({"resize_size": (8, 0)}, r"resize_size must be .* found \(8, 0\)"),
        ({"resize_size": (8, 8, 8)}, r"resize_size must be .* found \(8, 8, 8\)"),
        ({"resize_size": []}, r"resize_size must be .* found \[\]"),
        ({"resize_size": None}, "resize_size must be .* found None"),
        ({"mean": [0.5]}, "found 1 in mean and 3 in std"),
        ({"mean": [], "std": []}, "found 0 in mean and 0 in std"),
        ({"std": (0.2, 0, 0.2)}, r"std must not contain 0.* found \(0\.2, 0, 0\.2\)"),
        ({"interpolation": "cubic"}, "one of 'nearest', .* 'bicubic', 'box', 'hamming', 'lanczos'; found 'cubic'"),
    ],
)
def test_a_wrong_argument_is_refused_at_construction(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImageClassification(**{"crop_size": 8, **arguments})


def test_arguments_are_keywords_only() -> None:
    with pytest.raises(TypeError, match="positional"):
        ImageClassification(224)  # type: ignore[call-arg]


@pytest.mark.parametrize("interpolation", InterpolationMode)
def test_interpolation_is_a_mode_or_its_value(interpolation: InterpolationMode) -> None:
    by_mode = ImageClassification(crop_size=20, resize_size=28, interpolation=interpolation)
    by_value = ImageClassification(crop_size=20, resize_size=28, interpolation=interpolation.value)
    assert by_mode.interpolation is by_value.interpolation is interpolation
    assert torch.equal(by_mode(picture()), by_value(picture()))


def test_the_attributes_are_those_of_torchvision() -> None:
    preset = ImageClassification(crop_size=224)
    assert (preset.crop_size, preset.resize_size) == ([224], [256])
    assert (preset.mean, preset.std) == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def test_the_repr_shows_every_argument() -> None:
    assert repr(ImageClassification(crop_size=8, resize_size=(9, 10), mean=[0.1], std=[2])) == (
        "ImageClassification(crop_size=[8], resize_size=[9, 10], mean=[0.1], std=[2.0], "
        "interpolation=InterpolationMode.BILINEAR, antialias=True)"
    )


def test_a_preset_adds_nothing_to_a_state_dict() -> None:
    assert not nn.Sequential(ImageClassification(crop_size=8)).state_dict()


def test_a_pickled_preset_is_the_same() -> None:
    preset = ImageClassification(crop_size=20, resize_size=28, interpolation="bicubic", antialias=False)
    copy = pickle.loads(pickle.dumps(preset))
    assert repr(copy) == repr(preset)
    assert torch.equal(copy(pixels()), preset(pixels()))


# Compilers


def scripted(preset: nn.Module) -> torch.jit.ScriptModule:
    """Compile, save and load again."""
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(preset), file)
    file.seek(0)
    return torch.jit.load(file)


@SCRIPTING
@pytest.mark.parametrize("interpolation", MODES)
def test_a_scripted_preset_gives_the_same(interpolation: str) -> None:
    preset = ImageClassification(crop_size=21, resize_size=28, interpolation=interpolation)
    script = scripted(preset)
    for image in [pixels(), pixels().expand(2, 2, 3, 60, 90), to_float(pixels(63, 50)), pixels(15, 12), pixels().int()]:
        assert torch.equal(script(image), preset(image))


@SCRIPTING
def test_a_scripted_preset_refuses_what_does_not_fit() -> None:
    with pytest.raises(torch.jit.Error, match="Expected 3 channels"):
        scripted(ImageClassification(crop_size=8))(torch.zeros(1, 9, 9))


def test_a_preset_compiles_into_one_graph() -> None:
    preset = ImageClassification(crop_size=21, resize_size=28)
    compiled = torch.compile(preset, backend="eager", fullgraph=True)
    assert torch.equal(compiled(pixels()), preset(pixels()))


@pytest.mark.parametrize("preset", [ObjectDetection, OpticalFlow])
def test_preset_without_arguments_can_be_printed(preset):
    assert repr(preset()) == f"{preset.__name__}()"


@pytest.mark.parametrize("interpolation", ["box", "hamming", "lanczos"])
def test_pillows_own_filters_resize_pil_images_and_refuse_tensors(interpolation):
    assert resize(Image.new("L", (8, 6), 3), (2, 2), interpolation=interpolation).getpixel((0, 0)) == 3
    with pytest.raises(ValueError, match=r"expected 'nearest', .* or a PIL image"):
        resize(torch.zeros(3, 8, 6), 2, interpolation=interpolation)
