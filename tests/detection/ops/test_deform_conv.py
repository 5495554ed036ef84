"""Deformable convolution against its definition."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from zoo_detection.ops import DeformConv2d, deform_conv2d

CASES: list[dict[str, Any]] = [
    {"channels": 4, "outputs": 6, "kernel": (3, 2), "groups": 2, "offset_groups": 2, "mask": True,
     "stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)},
    {"channels": 3, "outputs": 2, "kernel": (1, 3), "groups": 1, "offset_groups": 3, "mask": True,
     "stride": (1, 1), "padding": (0, 2), "dilation": (1, 1)},
    {"channels": 2, "outputs": 2, "kernel": (3, 3), "groups": 1, "offset_groups": 1, "mask": False,
     "stride": (1, 2), "padding": (1, 1), "dilation": (1, 1)},
]  # fmt: skip


def tensors_of(case, spread):
    """Return input, offset, weight, bias and mask."""
    generator = torch.Generator().manual_seed(0)
    normal = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    features, (high, wide) = normal(2, case["channels"], 6, 7), case["kernel"]
    weight = normal(case["outputs"], case["channels"] // case["groups"], high, wide)
    sides = F.conv2d(features, weight, None, *settings(case), groups=case["groups"]).shape[2:]
    number = case["offset_groups"] * high * wide
    mask = normal(2, number, *sides).sigmoid() if case["mask"] else None
    return [features, normal(2, 2 * number, *sides) * spread, weight, normal(case["outputs"]), mask]


def settings(case):
    return case["stride"], case["padding"], case["dilation"]


def pixel(features: Tensor, y: int, x: int) -> Tensor:
    inside = 0 <= y < features.shape[1] and 0 <= x < features.shape[2]
    return features[:, y, x] if inside else torch.zeros_like(features[:, 0, 0])


def read(features: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Interpolate one place, with zeros around the features."""
    top, left = math.floor(y.item()), math.floor(x.item())
    down, right = y - top, x - left
    return (
        pixel(features, top, left) * (1 - down) * (1 - right)
        + pixel(features, top, left + 1) * (1 - down) * right
        + pixel(features, top + 1, left) * down * (1 - right)
        + pixel(features, top + 1, left + 1) * down * right
    )


def by_definition(case, features, offset, weight, bias, mask):
    """Go output by output, tap by tap."""
    (stride, padding, dilation), (high, wide) = settings(case), case["kernel"]
    each = case["channels"] // case["offset_groups"]
    output = []
    for image in range(len(features)):
        for i in range(offset.shape[2]):
            for j in range(offset.shape[3]):
                taps = []
                for tap in range(high * wide):
                    values = []
                    for group in range(case["offset_groups"]):
                        index = group * high * wide + tap
                        y = i * stride[0] - padding[0] + tap // wide * dilation[0] + offset[image, 2 * index, i, j]
                        x = j * stride[1] - padding[1] + tap % wide * dilation[1] + offset[image, 2 * index + 1, i, j]
                        value = read(features[image, group * each : (group + 1) * each], y, x)
                        values.append(value if mask is None else value * mask[image, index, i, j])
                    taps.append(torch.cat(values))
                column = torch.stack(taps, 1).reshape(1, case["channels"], high, wide)
                output.append(F.conv2d(column, weight, bias, groups=case["groups"]).flatten())
    return torch.stack(output).reshape(len(features), *offset.shape[2:], -1).permute(0, 3, 1, 2)


@pytest.mark.parametrize("spread", [0.0, 1.5, 20.0], ids=["whole pixels", "near", "far"])
@pytest.mark.parametrize("case", CASES, ids=[f"groups {case['groups']}" for case in CASES])
def test_deform_conv_and_its_gradients_are_those_of_the_definition(case, spread):
    results = []
    for function in (
        lambda *tensors: by_definition(case, *tensors),
        lambda *tensors: deform_conv2d(*tensors[:4], *settings(case), tensors[4]),
    ):
        tensors = [one if one is None else one.clone().requires_grad_() for one in tensors_of(case, spread)]
        output = function(*tensors)
        weights = torch.arange(output.numel(), dtype=output.dtype).reshape(output.shape) % 5 + 1
        wanted = [one for one in tensors if one is not None]
        results.append([output.detach(), *torch.autograd.grad((output * weights).sum(), wanted)])
    torch.testing.assert_close(results[1], results[0])


def test_without_offsets_it_is_a_convolution():
    layer = DeformConv2d(4, 6, 3, stride=2, padding=1, groups=2)
    features = torch.randn(2, 4, 9, 8)
    plain = F.conv2d(features, layer.weight, layer.bias, 2, 1, groups=2)
    torch.testing.assert_close(layer(features, torch.zeros(2, 18, 5, 4)), plain)


def test_infinite_and_undefined_offsets_read_zeros():
    offset = torch.tensor([math.inf, math.nan, -math.inf, 0.0, 1e30, 0.0]).reshape(1, 6, 1, 1)
    offset.requires_grad_()
    output = deform_conv2d(torch.ones(1, 1, 1, 3), offset, torch.ones(1, 1, 1, 3))
    output.sum().backward()
    assert output.item() == 0
    assert offset.grad is not None
    assert offset.grad.isfinite().all()


def test_no_images_give_no_output_but_gradients():
    layer = DeformConv2d(4, 6, 3)
    output = layer(torch.zeros(0, 4, 9, 8), torch.zeros(0, 18, 7, 6))
    assert output.shape == (0, 6, 7, 6)
    output.sum().backward()
    assert layer.weight.grad is not None
    assert not layer.weight.grad.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(dtype):
    tensors = [None if one is None else one.to(dtype) for one in tensors_of(CASES[0], 1.0)]
    wide = [None if one is None else one.float() for one in tensors]
    output = deform_conv2d(*tensors[:4], *settings(CASES[0]), tensors[4])
    expected = deform_conv2d(*wide[:4], *settings(CASES[0]), wide[4])
    assert torch.equal(output, expected.to(dtype))


def test_exported_it_takes_any_number_of_images():
    layer, batch = DeformConv2d(4, 6, 3, padding=1), torch.export.Dim("batch", min=2, max=16)
    inputs = [(torch.randn(n, 4, 9, 8), torch.randn(n, 18, 9, 8), torch.rand(n, 9, 9, 8)) for n in (2, 3)]
    program = torch.export.export(layer, inputs[0], dynamic_shapes=({0: batch},) * 3, strict=False)
    torch.testing.assert_close(program.module()(*inputs[1]), layer(*inputs[1]))


def test_torch_fx_writes_it_down_as_one_node():
    traced = torch.fx.symbolic_trace(DeformConv2d(4, 6, 3))
    assert [node.op for node in traced.graph.nodes].count("call_function") == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({1: torch.zeros(2, 17, 7, 6)}, "the shape of the offset tensor"),
        ({1: torch.zeros(2, 18, 7, 5)}, "offset should be of shape"),
        ({4: torch.zeros(2, 8, 7, 6)}, r"mask.shape\[1\] is not valid"),
        ({2: torch.zeros(6, 3, 3, 3)}, "weight should be"),
        ({3: torch.zeros(5)}, "bias should be"),
        ({0: torch.zeros(4, 9, 8)}, "input should have 4 dimensions"),
        ({0: torch.zeros(2, 4, 2, 2)}, "output size too small"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_as_pytorch_does(change, message):
    arguments = [torch.zeros(2, 4, 9, 8), torch.zeros(2, 18, 7, 6), torch.zeros(6, 4, 3, 3), torch.zeros(6), None]
    for index, tensor in change.items():
        arguments[index] = tensor
    with pytest.raises(RuntimeError, match=message):
        deform_conv2d(*arguments[:4], mask=arguments[4])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_under_autocast_it_computes_in_the_precision_of_its_input(dtype):
    tensors = [None if each is None else each.float() for each in tensors_of(CASES[0], 2.0)]
    expected = deform_conv2d(*tensors[:4], *settings(CASES[0]), tensors[4])
    with torch.autocast("cpu", dtype):
        found = deform_conv2d(*tensors[:4], *settings(CASES[0]), tensors[4])
    assert torch.equal(found, expected)
