"""RoIPool and position-sensitive pooling against their definitions."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from zoo_detection.ops import (
    PSRoIAlign,
    PSRoIPool,
    RoIPool,
    ps_roi_align,
    ps_roi_pool,
    roi_align,
    roi_pool,
)

SIDES = (2, 3)
BOXES = torch.tensor(
    [
        [0.0, 3.0, 2.0, 21.0, 30.0],
        [1.0, 0.0, 0.0, 47.9, 39.9],
        [0.0, 10.2, 10.1, 10.9, 10.3],  # less than a pixel
        [1.0, -30.0, -20.0, 20.0, 15.0],  # partly outside
        [0.0, 30.0, 25.0, 90.0, 85.0],
        [1.0, 100.0, 100.0, 140.0, 140.0],  # outside
        [0.0, 20.0, 20.0, 12.0, 11.0],  # the wrong way round
        [1.0, 5.0, 7.0, 9.0, 13.0],  # halves, once scaled
        [0.0, -1.0, -3.0, 9.0, 13.0],
    ]
)
SCALE = 0.5


def half_away(number: float) -> int:
    return int(math.copysign(math.floor(abs(number) + 0.5), number))


def bins_of(start: float, end: float, bins: int, length: int, *, with_end: bool) -> list[range]:
    first, last = half_away(start * SCALE), half_away(end * SCALE)
    size = max(last - first + with_end, 1) / bins
    edges = [(first + math.floor(i * size), first + math.ceil((i + 1) * size)) for i in range(bins)]
    return [range(min(max(low, 0), length), min(max(high, 0), length)) for low, high in edges]


def slowly(features: Tensor, boxes: Tensor, reduce: Callable[[Tensor, int, int], Tensor], *, pool: bool) -> Tensor:
    """Go bin by bin; `reduce` gets the pixels of a bin, `(C, n)`, and its row and column."""
    height, width = features.shape[2:]
    rows = []
    for image, left, top, right, bottom in boxes.tolist():
        high = bins_of(top, bottom, SIDES[0], height - (not pool), with_end=pool)
        wide = bins_of(left, right, SIDES[1], width - (not pool), with_end=pool)
        for i, ys in enumerate(high):
            for j, xs in enumerate(wide):
                places = [(y, x) for y in ys for x in xs]
                pixels = [features[int(image), :, y, x] for y, x in places] or [features[0, :, 0, 0] * 0]
                rows.append(reduce(torch.stack(pixels, 1), i, j))
    return torch.stack(rows).reshape(len(boxes), *SIDES, -1).permute(0, 3, 1, 2)


def maximum(pixels: Tensor, i: int, j: int) -> Tensor:
    first = (pixels == pixels.amax(1, keepdim=True)).int().argmax(1)  # gradients go to the first
    return pixels.gather(1, first[:, None])[:, 0]


def own_mean(pixels: Tensor, i: int, j: int) -> Tensor:
    return pixels.mean(1)[i * SIDES[1] + j :: SIDES[0] * SIDES[1]]


def with_gradient(function: Callable[[Tensor], Tensor], features: Tensor) -> tuple[Tensor, Tensor]:
    features = features.clone().requires_grad_()
    pooled = function(features)
    weights = torch.arange(pooled.numel(), dtype=pooled.dtype).reshape(pooled.shape) % 7 + 1
    (gradient,) = torch.autograd.grad((pooled * weights).sum(), features)
    return pooled.detach(), gradient


@pytest.mark.parametrize("with_ties", [False, True])
def test_roi_pool_is_the_maximum_of_each_bin_and_its_gradient_goes_to_the_first(with_ties: bool) -> None:
    features = torch.randn(2, 3, 20, 24, dtype=torch.float64)
    features = features.round() if with_ties else features
    boxes = BOXES.double()
    expected = with_gradient(lambda values: slowly(values, boxes, maximum, pool=True), features)
    found = with_gradient(lambda values: roi_pool(values, boxes, SIDES, SCALE), features)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    torch.testing.assert_close(roi_pool(features, boxes, SIDES, SCALE), expected[0], rtol=0, atol=0)


def test_ps_roi_pool_is_the_mean_of_each_bin_in_the_channels_of_its_own() -> None:
    features, boxes = torch.randn(2, 12, 20, 24, dtype=torch.float64), BOXES.double()
    expected = with_gradient(lambda values: slowly(values, boxes, own_mean, pool=False), features)
    found = with_gradient(lambda values: ps_roi_pool(values, boxes, SIDES, SCALE), features)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("sampling_ratio", [2, -1])
def test_ps_roi_align_is_roi_align_in_the_channels_of_each_bin(sampling_ratio: int) -> None:
    features, boxes = torch.randn(2, 12, 20, 24, dtype=torch.float64), BOXES.double()

    def chosen(values: Tensor) -> Tensor:
        pooled = roi_align(values, boxes, SIDES, SCALE, sampling_ratio, aligned=True)
        bins = range(SIDES[0] * SIDES[1])
        own = [pooled[:, bin_ :: len(bins), bin_ // SIDES[1], bin_ % SIDES[1]] for bin_ in bins]
        return torch.stack(own, 2).unflatten(2, SIDES)

    found = with_gradient(lambda values: ps_roi_align(values, boxes, SIDES, SCALE, sampling_ratio), features)
    torch.testing.assert_close(found, with_gradient(chosen, features))


POOLS = [RoIPool(SIDES, SCALE), PSRoIPool(SIDES, SCALE), PSRoIAlign(SIDES, SCALE, 2)]


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: type(pool).__name__)
def test_pools_without_boxes_or_images_give_nothing_and_gradients(pool: nn.Module) -> None:
    for features in (torch.randn(2, 12, 5, 5, requires_grad=True), torch.zeros(0, 12, 5, 5, requires_grad=True)):
        pooled = pool(features, torch.zeros(0, 5))
        assert pooled.shape[0] == 0
        assert pooled.shape[2:] == SIDES
        pooled.sum().backward()
        assert features.grad is not None


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: type(pool).__name__)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_pools_take_half_precision_and_a_list_of_boxes(pool: nn.Module, dtype: torch.dtype) -> None:
    features = torch.randn(1, 12, 20, 24).to(dtype)
    pooled = pool(features, [BOXES[:, 1:]])
    assert pooled.dtype == dtype
    boxes = torch.cat((torch.zeros(len(BOXES), 1), BOXES[:, 1:]), 1)
    torch.testing.assert_close(pooled.float(), pool(features.float(), boxes), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: type(pool).__name__)
def test_exported_pools_take_any_number_of_boxes(pool: nn.Module) -> None:
    features = torch.randn(2, 12, 20, 24)
    shapes: tuple[dict[int, object], ...] = ({}, {0: torch.export.Dim("count", min=2, max=100)})
    program = torch.export.export(pool, (features, BOXES[:4]), dynamic_shapes=shapes, strict=False)
    torch.testing.assert_close(program.module()(features, BOXES), pool(features, BOXES))


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: type(pool).__name__)
def test_torch_fx_writes_a_pool_down_as_one_node(pool: nn.Module) -> None:
    traced = torch.fx.symbolic_trace(pool)
    assert [node.op for node in traced.graph.nodes].count("call_function") == 1
    features = torch.randn(2, 12, 20, 24)
    torch.testing.assert_close(traced(features, BOXES), pool(features, BOXES))


def test_channels_that_cannot_be_shared_out_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of pooling height"):
        ps_roi_pool(torch.zeros(1, 7, 5, 5), torch.zeros(0, 5), 2)
    with pytest.raises(ValueError, match="multiple of pooling height"):
        ps_roi_align(torch.zeros(1, 7, 5, 5), torch.zeros(0, 5), 2)


def test_boxes_that_are_no_numbers_raise_nothing() -> None:
    boxes = torch.tensor([[0.0, math.nan, 0, 5, 5], [0.0, 0, 0, math.inf, 5]])
    assert roi_pool(torch.ones(1, 1, 9, 9), boxes, 2).isfinite().all()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch's compiler looks at it, and hides the warning
@pytest.mark.parametrize("pool", [*POOLS, PSRoIAlign(SIDES, SCALE, -1)], ids=repr)
def test_compiled_pools_and_their_gradients_are_the_same(pool: nn.Module) -> None:
    features = torch.randn(2, 12, 20, 24)
    compiled = torch.compile(lambda values: pool(values, BOXES), backend="aot_eager")
    found = with_gradient(compiled, features)
    torch.testing.assert_close(found, with_gradient(lambda values: pool(values, BOXES), features))
