"""The colours of the Middlebury benchmark."""

import math

import pytest
import torch

from zoo_flow.drawing import colour_wheel, flow_to_image

UNIT = math.sqrt(0.5)


def colour_of(x: float, y: float, max_flow: float | None = 1.0) -> list[int]:
    return flow_to_image(torch.tensor([x, y]).view(2, 1, 1), max_flow).flatten().tolist()


@pytest.mark.parametrize(
    ("x", "y", "colour"),
    [
        (0.0, 0.0, [255, 255, 255]),
        (1.0, 0.0, [255, 0, 0]),
        (0.0, 1.0, [255, 229, 0]),
        (-1.0, 0.0, [0, 209, 255]),
        (0.0, -1.0, [88, 0, 255]),
        (0.5, 0.0, [255, 127, 127]),
        (2.0, 0.0, [191, 0, 0]),  # beyond max_flow it is darker
        (-UNIT, UNIT, [32, 255, 0]),
        (UNIT, -UNIT, [220, 0, 255]),
    ],
)
def test_directions_have_the_colours_of_the_wheel(x: float, y: float, colour: list[int]) -> None:
    assert colour_of(x, y) == pytest.approx(colour, abs=1)


def test_directions_that_differ_little_have_colours_that_differ_little() -> None:
    angles = torch.linspace(-math.pi, math.pi, 721)[1:-1]  # the wheel has its ends at one place, red
    flow = torch.stack([-angles.cos(), -angles.sin()])[:, None] * 0.999
    colours = flow_to_image(flow, 1.0).int()[:, 0]
    assert colours.diff(dim=1).abs().max() <= 34
    assert len({tuple(colour) for colour in colours.t().tolist()}) > 400


def test_the_longest_flow_has_the_full_colour_unless_told_otherwise() -> None:
    flow = torch.tensor([[[10.0, 5.0]], [[0.0, 0.0]]])
    assert flow_to_image(flow)[:, 0].t().tolist() == [[255, 0, 0], [255, 127, 127]]
    assert flow_to_image(flow, 20.0)[:, 0].t().tolist() == [[255, 127, 127], [255, 191, 191]]


@pytest.mark.parametrize("unknown", [float("nan"), 1e10, float("inf")])
def test_what_is_not_known_is_black_and_does_not_count_as_the_longest(unknown: float) -> None:
    flow = torch.tensor([[[10.0, unknown]], [[0.0, 0.0]]])
    assert flow_to_image(flow)[:, 0].t().tolist() == [[255, 0, 0], [0, 0, 0]]


def test_no_motion_is_white() -> None:
    assert (flow_to_image(torch.zeros(2, 3, 4)) == 255).all()


def test_batches_are_drawn_together_to_one_scale() -> None:
    flows = torch.randn(2, 5, 2, 6, 7)
    images = flow_to_image(flows)
    assert (images.shape, images.dtype) == ((2, 5, 3, 6, 7), torch.uint8)
    longest = torch.linalg.vector_norm(flows.double(), dim=2).max().item()
    assert torch.equal(images[1, 2], flow_to_image(flows[1, 2], longest))


@pytest.mark.parametrize("side", [1, 2, 151])
def test_the_legend_is_a_disc_with_white_around_and_in_the_middle(side: int) -> None:
    wheel = colour_wheel(side)
    assert wheel.shape == (3, side, side)
    assert (wheel[:, 0, 0] == 255).all()
    if side > 2:
        assert (wheel[:, side // 2, side // 2] == 255).all()
        assert wheel[:, side // 2, -1].tolist() == colour_of(1.0, 0.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: flow_to_image(torch.zeros(3, 4, 5)), r"shape \(\.\.\., 2, H, W\), found \[3, 4, 5\]"),
        (lambda: flow_to_image(torch.zeros(2, 4)), r"found \[2, 4\]"),
        (lambda: flow_to_image(torch.zeros(2, 4, 5), 0.0), "max_flow should be a positive number of pixels, found 0"),
        (lambda: flow_to_image(torch.zeros(2, 4, 5), float("nan")), "max_flow should be .* found nan"),
        (lambda: colour_wheel(0), "side should be a positive number of pixels, found 0"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()
