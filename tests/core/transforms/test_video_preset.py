"""The preset of video models: frames resized, cut out, normalised, and channels before time."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from marks import SCRIPTING
from reference.fill import photo
from zoo_core.transforms import VideoClassification

REFERENCE = Path(__file__).parents[2] / "reference" / "transforms.json"
CASES = [
    pytest.param(record["transforms"]["kwargs"], case, id=f"{record['example']}-{case['photo'][0]}")
    for record in json.loads(REFERENCE.read_text())
    if record["transforms"]["preset"] == "VideoClassification"
    for case in record["cases"]
]


def clip(height: int = 40, width: int = 60, seeds: range = range(10, 14)) -> Tensor:
    frames = np.stack([photo(height, width, seed) for seed in seeds])
    return torch.from_numpy(frames).permute(0, 3, 1, 2)


def preset(**arguments: Any) -> VideoClassification:
    return VideoClassification(**{"crop_size": (20, 24), "resize_size": 28, **arguments})


@pytest.mark.parametrize(("arguments", "case"), CASES)
def test_it_gives_what_torchvision_gives(arguments: dict[str, Any], case: dict[str, Any]) -> None:
    height, width, seeds, _ = case["photo"]
    first, last = map(int, seeds.removeprefix("seeds ").split(".."))
    transform = VideoClassification(**arguments)
    output = transform(clip(height, width, range(first, last + 1)))
    expected = case["output"]
    assert (list(output.shape), output.dtype) == (expected["shape"], torch.float32)
    index = torch.tensor(expected["index"])
    difference = (output.flatten()[index] - torch.tensor(expected["value"])).abs()
    grey_level = 1 / 255 / torch.tensor(transform.std) + 1e-6
    assert (difference <= grey_level[index // output[0].numel()]).all()
    assert output.mean().item() == pytest.approx(expected["mean"], abs=2e-3)
    assert output.std().item() == pytest.approx(expected["std"], abs=2e-3)


def test_every_configuration_of_the_reference_is_tested() -> None:
    assert len(CASES) == 4 * 2


@pytest.mark.parametrize("leading", [(), (1,), (2,), (2, 3)])
def test_leading_dimensions_stay(leading: tuple[int, ...]) -> None:
    output = preset()(clip().expand(*leading, -1, -1, -1, -1))
    assert output.shape == (*leading, 3, 4, 20, 24)
    assert output.is_contiguous()
    assert torch.equal(output, preset()(clip()).expand_as(output))


def test_frames_are_treated_apart_and_keep_their_order() -> None:
    frames = clip()
    for index in range(4):
        assert torch.equal(preset()(frames)[:, index], preset()(frames[index : index + 1])[:, 0])


def test_a_float_clip_is_not_scaled_again() -> None:
    assert (preset()(clip() / 255) - preset()(clip())).abs().max() < 0.6 / 255 / 0.217


@pytest.mark.parametrize("value", [np.zeros((4, 8, 8, 3), np.uint8), [torch.zeros(3, 8, 8)], "clip.mp4"])
def test_what_is_no_tensor_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="Expected a tensor"):
        preset()(value)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 8, 8), r"shape \(\.\.\., T, C, H, W\), found shape \[3, 8, 8\]"),
        ((4, 3, 0, 8), "at least one pixel"),
        ((4, 8, 8, 3), "Expected 3 channels"),
    ],
)
def test_a_clip_of_another_shape_is_refused(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        preset()(torch.zeros(shape))


def test_the_attributes_and_the_repr_are_the_arguments() -> None:
    transform = VideoClassification(crop_size=(112, 112), resize_size=(128, 171))
    assert (transform.crop_size, transform.resize_size) == ([112, 112], [128, 171])
    assert repr(transform) == (
        "VideoClassification(crop_size=[112, 112], resize_size=[128, 171], mean=[0.43216, 0.394666, 0.37645], "
        "std=[0.22803, 0.22145, 0.216989], interpolation=InterpolationMode.BILINEAR)"
    )
    assert repr(pickle.loads(pickle.dumps(transform))) == repr(transform)


@SCRIPTING
def test_a_scripted_preset_gives_the_same() -> None:
    script = torch.jit.script(preset())
    for frames in (clip(), clip().expand(2, -1, -1, -1, -1), clip(15, 12)):
        assert torch.equal(script(frames), preset()(frames))


def test_a_preset_compiles_into_one_graph() -> None:
    compiled = torch.compile(preset(), backend="eager", fullgraph=True)
    assert torch.equal(compiled(clip()), preset()(clip()))
