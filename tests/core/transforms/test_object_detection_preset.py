"""The preset of detection models: pixels in [0, 1] and nothing else."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from marks import SCRIPTING
from reference.fill import photo
from zoo_core.transforms import ObjectDetection, pil_to_tensor

REFERENCE = Path(__file__).parents[2] / "reference" / "transforms.json"
CASES = [
    pytest.param(case, id=f"{case['as']}-{case['photo'][0]}")
    for record in json.loads(REFERENCE.read_text())
    if record["transforms"]["preset"] == "ObjectDetection"
    for case in record["cases"]
]


@pytest.mark.parametrize("case", CASES)
def test_it_gives_what_torchvision_gives(case: dict[str, Any]) -> None:
    image = Image.fromarray(photo(*case["photo"]))
    output = ObjectDetection()(image if case["as"] == "PIL" else pil_to_tensor(image))
    expected = case["output"]
    assert (list(output.shape), output.dtype) == (expected["shape"], torch.float32)
    torch.testing.assert_close(output.flatten()[expected["index"]], torch.tensor(expected["value"]))
    assert output.mean().item() == pytest.approx(expected["mean"], abs=1e-5)


def test_the_reference_has_both_kinds_of_image() -> None:
    assert {case.values[0]["as"] for case in CASES} == {"PIL", "uint8 tensor"}


def test_a_float_tensor_keeps_its_values() -> None:
    image = torch.rand(2, 3, 5, 4)
    assert torch.equal(ObjectDetection()(image), image)


def test_a_picture_of_another_mode_becomes_rgb_and_transparent_pixels_white() -> None:
    assert ObjectDetection()(Image.new("RGBA", (4, 3), (9, 9, 9, 0))).tolist() == torch.ones(3, 3, 4).tolist()


@SCRIPTING
def test_a_scripted_preset_agrees() -> None:
    image = pil_to_tensor(Image.fromarray(photo(20, 30)))
    assert torch.equal(torch.jit.script(ObjectDetection())(image), ObjectDetection()(image))


@pytest.mark.parametrize("image", [np.zeros((4, 4, 3), np.uint8), "cat.jpg"])
def test_what_is_no_image_is_refused(image: Any) -> None:
    with pytest.raises(TypeError, match="Expected a PIL image or a tensor"):
        ObjectDetection()(image)


@pytest.mark.parametrize("shape", [(4, 4), (3, 0, 4)])
def test_a_tensor_without_channels_or_pixels_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least one pixel"):
        ObjectDetection()(torch.zeros(shape))
