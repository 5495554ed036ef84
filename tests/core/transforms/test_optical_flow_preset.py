"""The preset of flow models: two images, pixels in [-1, 1] and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from marks import SCRIPTING
from reference.fill import photo
from zoo_core.transforms import OpticalFlow, pil_to_tensor

REFERENCE = Path(__file__).parents[2] / "reference" / "transforms.json"
CASES = [
    pytest.param(case, id=str(case["photo"][0]))
    for record in json.loads(REFERENCE.read_text())
    if record["transforms"]["preset"] == "OpticalFlow"
    for case in record["cases"]
]


@pytest.mark.parametrize("as_tensor", [False, True], ids=["PIL", "tensor"])
@pytest.mark.parametrize("case", CASES)
def test_it_gives_what_torchvision_gives(case: dict[str, Any], as_tensor: bool) -> None:
    height, width, seeds, _ = case["photo"]
    first, second = map(int, seeds.removeprefix("seeds ").split(" and "))
    images = [Image.fromarray(photo(height, width, seed)) for seed in (first, second)]
    inputs = [pil_to_tensor(image) for image in images] if as_tensor else images
    for output, expected in zip(OpticalFlow()(*inputs), case["output"], strict=True):
        assert (list(output.shape), output.dtype) == (expected["shape"][1:], torch.float32)
        assert output.is_contiguous()
        torch.testing.assert_close(output.flatten()[expected["index"]], torch.tensor(expected["value"]))
        assert output.mean().item() == pytest.approx(expected["mean"], abs=1e-5)


def test_the_reference_has_both_photos() -> None:
    assert {case.id for case in CASES} == {"375", "333"}


def test_floats_are_taken_to_be_in_0_to_1_and_inputs_stay_as_they_are() -> None:
    images = torch.rand(2, 2, 3, 8, 8)
    before = images.clone()
    outputs = OpticalFlow()(*images)
    assert all(torch.equal(output, image * 2 - 1) for output, image in zip(outputs, images, strict=True))
    assert torch.equal(images, before)


@pytest.mark.parametrize("wrong", [0, 1])
def test_an_input_of_another_kind_is_refused(wrong: int) -> None:
    images: list[Any] = [torch.zeros(3, 8, 8), torch.zeros(3, 8, 8)]
    images[wrong] = "frame.png"
    with pytest.raises(TypeError, match="Expected a PIL image or a tensor"):
        OpticalFlow()(*images)
    images[wrong] = torch.zeros(8, 8)
    with pytest.raises(ValueError, match=r"shape \(\.\.\., C, H, W\)"):
        OpticalFlow()(*images)


@SCRIPTING
def test_it_can_be_scripted_for_tensors() -> None:
    images = torch.randint(256, (2, 3, 8, 9), dtype=torch.uint8)
    for found, expected in zip(torch.jit.script(OpticalFlow())(*images), OpticalFlow()(*images), strict=True):
        assert torch.equal(found, expected)
