"""RoIAlign against its definition."""

import functools
import math

import pytest
import torch
from torch import Tensor

from limited_memory import output_within
from zoo_detection.ops import MultiScaleRoIAlign, RoIAlign, roi_align
from zoo_detection.ops._roi_samples import MOST_ROUNDED, taps_of

ODD_BOXES = torch.tensor(
    [
        [3.0, 2.0, 21.0, 30.0],
        [0.0, 0.0, 47.9, 39.9],
        [10.2, 10.1, 10.9, 10.3],  # less than a pixel
        [-30.0, -20.0, 20.0, 15.0],  # partly outside
        [30.0, 25.0, 90.0, 85.0],
        [100.0, 100.0, 140.0, 140.0],  # outside
        [20.0, 20.0, 12.0, 11.0],  # the wrong way round
        [5.0, 5.0, 5.0, 5.0],
    ]
)


def by_definition(features: Tensor, boxes: Tensor, sides: tuple[int, int], scale: float, ratio: int, aligned: bool):
    """Sample point by point."""
    pooled = torch.zeros(len(boxes), features.shape[0], *sides, dtype=features.dtype)
    for index, box in enumerate(boxes.tolist()):
        x1, y1, x2, y2 = (value * scale - (0.5 if aligned else 0.0) for value in box)
        width, height = (side if aligned else max(side, 1.0) for side in (x2 - x1, y2 - y1))
        bin_height, bin_width = height / sides[0], width / sides[1]
        rows, columns = (ratio, ratio) if ratio > 0 else (math.ceil(bin_height), math.ceil(bin_width))
        for row in range(sides[0]):
            for column in range(sides[1]):
                points = [
                    (y1 + (row + (i + 0.5) / rows) * bin_height, x1 + (column + (j + 0.5) / columns) * bin_width)
                    for i in range(rows)
                    for j in range(columns)
                ]
                total = sum((interpolated(features, y, x) for y, x in points), torch.zeros(features.shape[0]).double())
                pooled[index, :, row, column] = total / max(len(points), 1)
    return pooled


@functools.cache
def expected_for(sides: tuple[int, int], scale: float, ratio: int, aligned: bool) -> tuple[Tensor, Tensor]:
    features = random_features(1, 3, int(40 * scale), int(48 * scale))
    return features, by_definition(features[0], ODD_BOXES, sides, scale, ratio, aligned)


def interpolated(features: Tensor, y: float, x: float) -> Tensor:
    height, width = features.shape[1:]
    if not (-1 <= y <= height and -1 <= x <= width):
        return torch.zeros(features.shape[0], dtype=features.dtype)
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    upper = features[:, top, left] * (left + 1 - x) + features[:, top, right] * (x - left)
    lower = features[:, bottom, left] * (left + 1 - x) + features[:, bottom, right] * (x - left)
    return upper * (top + 1 - y) + lower * (y - top)


def random_features(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture(params=["as chosen", "from a table", "one by one"])
def way(request, monkeypatch):
    """Pool on each of the ways between which sizes decide."""
    if request.param != "as chosen":
        share = 0.0 if request.param == "from a table" else math.inf
        monkeypatch.setattr("zoo_detection.ops._roi_pooling.CROPPED_SHARE", share)
    return request.param


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [-1, 0, 1, 2, 3])
@pytest.mark.parametrize(("sides", "scale"), [((1, 1), 1.0), ((3, 2), 0.5), ((7, 7), 0.25)])
def test_the_average_is_that_of_the_definition(sides, scale, ratio, aligned):
    features, expected = expected_for(sides, scale, ratio, aligned)
    pooled = roi_align(features, [ODD_BOXES.double()], sides, scale, ratio, aligned)
    torch.testing.assert_close(pooled, expected)


@pytest.mark.usefixtures("way")
def test_gradients_are_those_of_the_weighted_sum():
    features = random_features(2, 2, 7, 9).requires_grad_()
    boxes = [ODD_BOXES[:3].double() / 5, ODD_BOXES[3:6].double() / 5]
    assert torch.autograd.gradcheck(lambda x: roi_align(x, boxes, (2, 3), 0.9, 2), (features,), fast_mode=True)
    assert torch.autograd.gradcheck(
        lambda x: roi_align(x, boxes, (2, 3), 0.9, -1, aligned=True), (features,), fast_mode=True
    )


def test_boxes_get_no_gradient():
    boxes = ODD_BOXES.clone().requires_grad_()
    features = torch.rand(1, 2, 9, 9, requires_grad=True)
    roi_align(features, [boxes], 2).sum().backward()
    assert boxes.grad is None


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("ratio", [2, -1])
def test_autocast_changes_nothing(ratio):
    features = random_features(1, 3, 20, 20).float().requires_grad_()
    pooled = roi_align(features, [ODD_BOXES], 3, 0.4, ratio)
    (gradient,) = torch.autograd.grad(pooled.square().sum(), features)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        again = roi_align(features, [ODD_BOXES], 3, 0.4, ratio)
        (gradient_again,) = torch.autograd.grad(again.square().sum(), features)
    assert torch.equal(again, pooled)
    assert torch.equal(gradient_again, gradient)


def test_a_list_of_boxes_is_a_tensor_with_the_images_indices():
    features = random_features(2, 3, 20, 20)
    indices = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0]).unsqueeze(1)
    pooled = roi_align(features, torch.cat((indices, ODD_BOXES), 1).double(), 3, 0.4)
    for image in (0, 1):
        of_image = indices[:, 0] == image
        boxes = [ODD_BOXES[:0].double(), ODD_BOXES[:0].double()]
        boxes[image] = ODD_BOXES[of_image].double()
        assert torch.equal(pooled[of_image], roi_align(features, boxes, 3, 0.4))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(dtype):
    features = random_features(1, 3, 20, 20).to(dtype).requires_grad_()
    pooled = roi_align(features, [ODD_BOXES.to(dtype)], 3, 0.4, 2)
    exact = roi_align(features.float(), [ODD_BOXES.to(dtype).float()], 3, 0.4, 2)
    assert torch.equal(pooled, exact.to(dtype))
    pooled.sum().backward()
    assert features.grad is not None
    assert features.grad.dtype == dtype


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("ratio", [2, -1])
def test_no_boxes_give_no_rows_and_zero_gradients(ratio):
    features = torch.rand(1, 4, 8, 8, requires_grad=True)
    pooled = roi_align(features, [torch.zeros(0, 4)], (3, 2), 1.0, ratio)
    assert pooled.shape == (0, 4, 3, 2)
    pooled.sum().backward()
    assert features.grad is not None
    assert not features.grad.any()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("ratio", [2, -1])
def test_boxes_that_are_not_numbers_count_as_outside(ratio):
    boxes = torch.tensor([[math.nan, 0.0, 5.0, 5.0], [0.0, 0.0, math.inf, 5.0]])
    pooled = roi_align(torch.ones(1, 1, 8, 8), [boxes], 2, sampling_ratio=ratio)
    assert not pooled.any()


def test_more_regions_than_have_their_matrices_in_memory():
    features = random_features(2, 3, 20, 20)
    boxes = ODD_BOXES.double().repeat(20, 1)
    pooled = roi_align(features, [boxes, boxes[:1]], 2, 0.4)
    assert torch.equal(pooled[:8].repeat(20, 1, 1, 1), pooled[:160])


def test_channels_last_features_give_the_same():
    features = random_features(2, 3, 20, 20)
    boxes = [ODD_BOXES.double(), ODD_BOXES[:2].double()]
    expected = roi_align(features, boxes, 3, 0.4)
    assert torch.equal(roi_align(features.contiguous(memory_format=torch.channels_last), boxes, 3, 0.4), expected)


@pytest.mark.parametrize("index", [-1, 2])
def test_image_that_there_is_not_is_named(index: int) -> None:
    with pytest.raises(ValueError, match=rf"from 0 to 1: found {index}"):
        roi_align(torch.zeros(2, 1, 8, 8), torch.tensor([[0.0, 0, 0, 4, 4], [index, 0, 0, 4, 4]]), 2)


def test_the_module_does_what_the_function_does():
    features = random_features(1, 3, 20, 20)
    module = RoIAlign((3, 2), 0.4, 2, aligned=True)
    expected = roi_align(features, [ODD_BOXES], (3, 2), 0.4, 2, aligned=True)
    assert torch.equal(module(features, [ODD_BOXES]), expected)
    assert repr(module) == "RoIAlign(output_size=(3, 2), spatial_scale=0.4, sampling_ratio=2, aligned=True)"


@pytest.mark.parametrize(
    ("features", "boxes", "complaint"),
    [
        (torch.zeros(3, 8, 8), [torch.zeros(1, 4)], r"\(N, C, H, W\), found \(3, 8, 8\)"),
        (torch.zeros(2, 3, 8, 8), [torch.zeros(1, 4)], "for each of 2 images, found 1"),
        (torch.zeros(1, 3, 8, 8), [torch.zeros(1, 5)], r"Tensor\[L, 4\]"),
        (torch.zeros(1, 3, 8, 8), torch.zeros(1, 4), r"\(K, 5\).*found \(1, 4\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(features, boxes, complaint):
    with pytest.raises(ValueError, match=complaint):
        roi_align(features, boxes, 2)


def test_features_that_are_integers_are_refused():
    with pytest.raises(TypeError, match="floating point"):
        roi_align(torch.zeros(1, 3, 8, 8, dtype=torch.int64), [torch.zeros(1, 4)], 2)


def pyramid(height: int, width: int) -> dict[str, Tensor]:
    return {str(k): random_features(2, 3, height >> k, width >> k).float() + k for k in (2, 3, 4, 5)}


def test_each_box_is_pooled_on_the_level_of_its_size():
    levels = pyramid(512, 640) | {"pool": torch.zeros(2, 3, 8, 10)}
    pool = MultiScaleRoIAlign(["2", "3", "4", "5"], 3, 2)
    sides = [10.0, 111.0, 112.0, 223.0, 224.0, 447.0, 448.0, 2000.0]
    expected_levels = [2, 2, 3, 3, 4, 4, 5, 5]
    boxes = torch.tensor([[5.0, 5.0, 5.0 + side, 5.0 + side] for side in sides])
    pooled = pool(levels, [boxes[:0], boxes], [(512, 600), (480, 640)])
    for index, k in enumerate(expected_levels):
        expected = roi_align(levels[str(k)], [boxes[:0], boxes[index : index + 1]], 3, 2.0**-k, 2)
        torch.testing.assert_close(pooled[index : index + 1], expected)


def test_boxes_that_have_no_size_are_pooled_on_the_finest_level():
    boxes = torch.tensor([[9.0, 9.0, 5.0, 30.0], [math.nan, 0.0, 5.0, 5.0], [7.0, 7.0, 7.0, 7.0]])
    levels = {name: level[:1] for name, level in pyramid(512, 640).items()}
    pooled = MultiScaleRoIAlign(["2", "3"], 3, 2)(levels, [boxes], [(512, 640)])
    torch.testing.assert_close(pooled, roi_align(levels["2"], [boxes], 3, 0.25, 2))


def test_levels_that_do_not_follow_each_other_are_refused():
    levels = {"fine": torch.zeros(1, 3, 64, 64), "coarse": torch.zeros(1, 3, 8, 8)}
    with pytest.raises(ValueError, match=r"found 1/2\^k for k = \[2, 5\]"):
        MultiScaleRoIAlign(["fine", "coarse"], 3, 2)(levels, [torch.zeros(1, 4)], [(256, 256)])


def test_levels_that_are_not_there_are_named():
    with pytest.raises(ValueError, match="levels named 0, 1, found 2"):
        MultiScaleRoIAlign(["0", "1"], 3, 2)({"2": torch.zeros(1, 3, 8, 8)}, [torch.zeros(1, 4)], [(8, 8)])


class Adaptive(torch.nn.Module):
    """What cannot be exported."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.pool = MultiScaleRoIAlign("012"[:levels], 2, -1)

    def forward(self, features: Tensor, boxes: Tensor) -> Tensor:
        return self.pool({"0": features, "1": features[:, :, ::2, ::2]}, [boxes], [(16, 16)])


@pytest.mark.parametrize("levels", [1, 2])
def test_a_number_of_points_that_depends_on_boxes_cannot_be_exported(levels):
    with pytest.raises(ValueError, match=r"sampling_ratio should be positive for torch\.export, found -1"):
        torch.export.export(Adaptive(levels), (torch.rand(1, 2, 8, 8), ODD_BOXES), strict=False)


class Pooling(torch.nn.Module):
    """What is exported."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = MultiScaleRoIAlign(["0", "1", "2"], 3, 2)

    def forward(self, image: Tensor, boxes: Tensor) -> Tensor:
        levels = {str(k): torch.nn.functional.avg_pool2d(image, 4 << k) for k in range(3)}
        return self.pool(levels, [boxes], [(image.shape[-2], image.shape[-1])])


def test_an_exported_program_pools_the_same_whatever_the_sizes():
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(20, 2, generator=generator) * 100
    boxes = torch.cat((corners, corners + torch.rand(20, 2, generator=generator) * 400), 1)
    auto = torch.export.Dim.AUTO
    program = torch.export.export(
        Pooling(), (torch.rand(1, 3, 128, 160), boxes), dynamic_shapes=({2: auto, 3: auto}, {0: auto}), strict=False
    ).module()
    for height, width, count in ((256, 128, 20), (192, 320, 1), (128, 128, 0)):
        image = torch.rand(1, 3, height, width, generator=generator)
        torch.testing.assert_close(program(image, boxes[:count]), Pooling()(image, boxes[:count]))


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # of the compiler's own code
@pytest.mark.parametrize("ratio", [2, -1])
def test_a_compiled_model_pools_the_same(ratio):
    compiled = torch.compile(lambda x, boxes: roi_align(x, [boxes], 3, 0.4, ratio) + 1, backend="eager", dynamic=True)
    features = torch.rand(1, 3, 20, 20, requires_grad=True)
    for boxes in (ODD_BOXES, ODD_BOXES[:3], ODD_BOXES[:0]):
        pooled = compiled(features, boxes)
        torch.testing.assert_close(pooled, roi_align(features, [boxes], 3, 0.4, ratio) + 1)
        pooled.sum().backward()


# Boxes much larger than the features


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("double", [False, True])
def test_points_of_huge_boxes_that_are_on_the_features_count_and_no_others(aligned: bool, double: bool):
    """What lies outside counts as zero: the average is the sum over the features, spread over all points."""
    features = torch.rand(1, 2, 6, 5, dtype=torch.float64 if double else torch.float32)
    boxes = torch.tensor([[-300.0, -200.0, 100.0, 310.0], [-70.0, 0.0, 2000.0, 3.0]])
    expected = by_definition(features[0], boxes, (3, 2), 1.0, -1, aligned)
    torch.testing.assert_close(roi_align(features, [boxes.to(features.dtype)], (3, 2), 1.0, -1, aligned), expected)


@pytest.mark.parametrize("device_dtype", [torch.float32, torch.float64])
def test_number_of_points_looked_at_is_bounded_by_the_features(device_dtype: torch.dtype):
    start = torch.tensor([-5e7, 0.0, 1e8, -1e30, float("-inf"), float("nan")], dtype=device_dtype)
    end = torch.tensor([5e7, 1e8, 2e8, 1e30, float("inf"), 3.0], dtype=device_dtype)
    taps = taps_of(start, end, 7, 50, -1, aligned=False)
    assert taps.places.shape[-1] <= 2 * (2 * 50 + 2 * (MOST_ROUNDED + 4))
    assert int(taps.places.min()) >= 0
    assert int(taps.places.max()) < 50


HUGE = """
import sys, torch
from zoo_detection.ops import roi_align
features = torch.ones(1, 64, 50, 50, requires_grad=True)
for side in (1e8, 1e30, float("inf")):
    boxes = torch.tensor([[-side, -side, side, side], [0, 0, side, side], [0, 0, 20, 20]])
    pooled = roi_align(features, [boxes], 7, 1.0, -1)
    assert pooled[2].min() > 0.99
    pooled.sum().backward()
"""


def test_a_box_of_a_hundred_million_pixels_takes_little_memory():
    output_within(1.5, HUGE)


def test_levels_and_scales_may_be_given():
    pool = MultiScaleRoIAlign(["0", "1"], 2, 2)
    levels = {"0": torch.rand(1, 3, 32, 32), "1": torch.rand(1, 3, 16, 16)}
    boxes, shapes = [torch.tensor([[1.0, 2.0, 30.0, 40.0], [0.0, 0.0, 120.0, 100.0]])], [(128, 128)]
    pool.scales = [0.25, 0.125]
    torch.testing.assert_close(pool(levels, boxes, shapes), MultiScaleRoIAlign(["0", "1"], 2, 2)(levels, boxes, shapes))
    pool.map_levels = lambda boxes: torch.tensor([1, 1])
    torch.testing.assert_close(pool(levels, boxes, shapes), roi_align(levels["1"], boxes, 2, 0.125, 2))
