"""NMS and RoIAlign of quantised numbers."""

import pytest
import torch
from torch import Tensor

from detection.random_boxes import boxes
from zoo_detection.ops import batched_nms, nms, roi_align

pytestmark = pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")  # torch's own, once a process
TYPES = pytest.mark.parametrize(
    ("dtype", "zero_point"), [(torch.quint8, 3), (torch.qint8, -100), (torch.qint32, 0)], ids=str
)


def quantised(numbers: Tensor, scale: float, zero_point: int, dtype: torch.dtype) -> Tensor:
    return torch.quantize_per_tensor(numbers, scale, zero_point, dtype)


@TYPES
@pytest.mark.parametrize("threshold", [0.2, 0.5])
def test_boxes_are_compared_in_steps_of_their_scale(dtype: torch.dtype, zero_point: int, threshold: float) -> None:
    found = quantised(boxes(60), 0.7, zero_point, dtype)
    scores = quantised(torch.rand(60), 1 / 150, zero_point, dtype)
    steps = found.int_repr().double()
    assert torch.equal(nms(found, scores, threshold), nms(steps, scores.int_repr().double(), threshold))
    groups = torch.arange(60) % 3
    expected = batched_nms(steps, scores.int_repr().double(), groups, threshold)
    assert torch.equal(batched_nms(found, scores, groups, threshold), expected)


def test_an_overlap_of_exactly_the_threshold_is_none() -> None:
    pair = torch.tensor([[0.0, 0.0, 0.3, 0.1], [0.0, 0.0, 0.1, 0.1]])
    scores = quantised(torch.tensor([0.9, 0.8]), 0.1, 0, torch.quint8)
    assert nms(quantised(pair, 0.1, 0, torch.quint8), scores, 1 / 3).tolist() == [0, 1]


@TYPES
@pytest.mark.parametrize("as_list", [False, True])
@pytest.mark.parametrize("quantised_boxes", [False, True])
def test_averages_are_quantised_as_the_features(
    dtype: torch.dtype, zero_point: int, as_list: bool, quantised_boxes: bool
) -> None:
    features = quantised(torch.rand(2, 3, 9, 11), 0.005, zero_point, dtype)
    regions = torch.tensor([[0.0, 0.5, 0.5, 5.0, 6.0], [1.0, 2.0, 1.0, 9.0, 7.5]])
    if quantised_boxes:
        regions = quantised(regions, 0.5, zero_point, dtype)
    exact = regions.dequantize() if quantised_boxes else regions
    given = [regions[:1, 1:], regions[1:, 1:]] if as_list else regions
    found = roi_align(features, given, (3, 2), sampling_ratio=2)
    expected = roi_align(features.dequantize(), exact, (3, 2), sampling_ratio=2)
    assert (found.dtype, found.q_scale(), found.q_zero_point()) == (dtype, features.q_scale(), zero_point)
    assert torch.equal(found.int_repr(), quantised(expected, features.q_scale(), zero_point, dtype).int_repr())
    assert roi_align(features.dequantize(), given, (3, 2), sampling_ratio=2).allclose(expected)


def test_a_scale_for_each_channel_is_refused() -> None:
    scales, zeros = torch.tensor([0.1, 0.2]), torch.zeros(2, dtype=torch.int64)
    features = torch.quantize_per_channel(torch.rand(1, 2, 4, 4), scales, zeros, 1, torch.quint8)
    with pytest.raises(TypeError, match="input should be floating point"):
        roi_align(features, [torch.ones(1, 4)], 2)
