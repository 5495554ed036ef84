"""Non-maximum suppression against its definition."""

import math

import pytest
import torch
from torch import Tensor

from zoo_detection.foundation.tracing import TELLS_EXPORT_APART
from zoo_detection.ops import batched_nms, nms


def by_definition(boxes: Tensor, scores: Tensor, threshold: float, groups: Tensor | None = None) -> list[int]:
    """Take the best box left, drop what overlaps with it, and so on."""
    order = sorted(range(len(scores)), key=lambda index: (-scores[index].item(), index))
    kept: list[int] = []
    for index in order:
        rivals = [other for other in kept if groups is None or groups[other] == groups[index]]
        if not any(iou(boxes[other], boxes[index]) > threshold for other in rivals):
            kept.append(index)
    return kept


def iou(first: Tensor, second: Tensor) -> float:
    """Compute in the type of the boxes, in the order of the definition."""
    sides = (torch.minimum(first[2:], second[2:]) - torch.maximum(first[:2], second[:2])).clamp(min=0)
    intersection = sides[0] * sides[1]
    first_area, second_area = ((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return (intersection / (first_area + second_area - intersection)).item()


def spread(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return boxes of any place and size, and scores."""
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(count, 2, generator=generator) * 200 - 20
    sides = torch.rand(count, 2, generator=generator) * 90
    return torch.cat((corners, corners + sides), 1), torch.rand(count, generator=generator)


def clustered(count: int, clusters: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return boxes close to one of some boxes, and scores."""
    generator = torch.Generator().manual_seed(seed)
    centres, _ = spread(clusters, seed)
    near = centres[torch.arange(count) % clusters] + torch.rand(count, 4, generator=generator) * 8
    return near, torch.rand(count, generator=generator)


def chain(count: int) -> tuple[Tensor, Tensor]:
    """Return boxes of which each is suppressed by the one before only, if that is kept."""
    left = torch.arange(count, dtype=torch.float32)
    return torch.stack((left, left * 0, left + 2.2, left * 0 + 1), 1), -left


SCENES = {
    "spread": spread(150),
    "clustered": clustered(150, 6),
    "stacked": clustered(150, 1),
    "chain": chain(120),
    "on a grid, with ties": tuple(values.mul(0.1).round() for values in spread(150)),
}


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("scene", SCENES)
def test_the_boxes_kept_are_those_of_the_definition(scene, threshold):
    boxes, scores = SCENES[scene]
    assert nms(boxes, scores, threshold).tolist() == by_definition(boxes, scores, threshold)


@pytest.mark.parametrize("scene", SCENES)
def test_groups_do_not_suppress_each_other(scene):
    boxes, scores = SCENES[scene]
    groups = torch.arange(len(boxes)) % 3 * 1000 - 7
    assert batched_nms(boxes, scores, groups, 0.4).tolist() == by_definition(boxes, scores, 0.4, groups)


def test_many_boxes_are_as_few():
    boxes, scores = clustered(3000, 400)
    groups = (torch.arange(3000) * 7919 % 3000).clamp(max=5)  # one of thousands, and some of one
    for index in range(6):
        members = groups == index
        expected = members.nonzero().squeeze(1)[nms(boxes[members], scores[members], 0.6)]
        kept = batched_nms(boxes, scores, groups, 0.6)
        assert kept[groups[kept] == index].tolist() == expected.tolist()


def test_pairs_in_several_chunks_are_as_in_one(monkeypatch):
    boxes, scores = clustered(400, 3)
    groups = torch.arange(400) % 2
    expected = batched_nms(boxes, scores, groups, 0.6)
    monkeypatch.setattr("zoo_detection.ops._nms_pairs.PAIRS_AT_ONCE", 50)
    assert torch.equal(batched_nms(boxes, scores, groups, 0.6), expected)


def test_long_chains_are_followed_to_their_end():
    boxes, scores = chain(1500)
    assert nms(boxes, scores, 0.3).tolist() == list(range(0, 1500, 2))
    assert batched_nms(boxes, scores, torch.zeros(1500, dtype=torch.int64), 0.3).tolist() == list(range(0, 1500, 2))


@pytest.mark.parametrize("spread_of_groups", [2**40, 2**62])
def test_groups_may_have_any_numbers(spread_of_groups):
    boxes, scores = clustered(60, 2)
    groups = torch.arange(60) % 3
    expected = batched_nms(boxes, scores, groups, 0.5)
    assert torch.equal(batched_nms(boxes, scores, (groups - 1) * spread_of_groups, 0.5), expected)


@pytest.mark.parametrize("size", [1e6, 1e12, 1e16, 1e30])
def test_groups_stay_apart_however_large_coordinates_are(size):
    groups = torch.arange(3000)
    boxes = torch.tensor([[-size, -size, size, size]], dtype=torch.float64).repeat(3000, 1)
    boxes[1::2, :2] = 0
    assert len(batched_nms(boxes, torch.rand(3000), groups, 0.0)) == 3000
    assert len(batched_nms(boxes, torch.rand(3000), groups % 7, 0.0)) == 7


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_boxes_that_are_not_finite_overlap_with_none(value):
    boxes = torch.tensor([[0.0, 0.0, 9.0, 9.0]]).repeat(4, 1)
    boxes[0, 2] = boxes[1, 0] = value
    scores, groups = torch.tensor([4.0, 3.0, 2.0, 1.0]), torch.zeros(4, dtype=torch.int64)
    assert nms(boxes, scores, 0.5).tolist() == [0, 1, 2]
    assert batched_nms(boxes, scores, groups, 0.5).tolist() == [0, 1, 2]


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.uint8, torch.float64, torch.float16, torch.bfloat16])
def test_boxes_of_any_type_are_compared_exactly(dtype):
    boxes, scores = spread(100)
    boxes = boxes.clamp(0, 127).round().to(dtype)
    assert nms(boxes, scores, 0.3).tolist() == by_definition(boxes.double(), scores, 0.3)


def test_ties_are_broken_by_the_index():
    boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0]]).repeat(5, 1)
    boxes[3] += 100
    assert nms(boxes, torch.ones(5), 0.5).tolist() == [0, 3]


def test_overlap_of_exactly_the_threshold_does_not_suppress():
    boxes = torch.tensor([[0.0, 0.0, 2.0, 1.0], [0.0, 0.0, 1.0, 1.0]])
    scores = torch.tensor([0.9, 0.8])
    assert nms(boxes, scores, 0.5).tolist() == [0, 1]
    assert nms(boxes, scores, 0.5 - 2**-20).tolist() == [0]


def test_the_threshold_is_not_rounded_to_single_precision():
    boxes = torch.tensor([[0.0, 0.0, 10.0, 1.0], [0.0, 0.0, 3.0, 1.0]])
    assert nms(boxes, torch.tensor([0.9, 0.8]), 0.3).tolist() == [0]  # float32(3 / 10) is 0.30000001


def test_boxes_without_area_neither_suppress_nor_are_suppressed():
    boxes = torch.tensor([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 2.0, 2.0], [2.0, 2.0, 0.0, 0.0]])
    assert nms(boxes, torch.tensor([4.0, 3.0, 2.0, 1.0]), 0.0).tolist() == [0, 1, 2, 3]


def test_infinite_scores_are_scores():
    boxes, _ = spread(3)
    scores = torch.tensor([-torch.inf, torch.inf, 0.0])
    assert nms(boxes, scores, 1.0).tolist() == [1, 2, 0]


@pytest.mark.parametrize("scene", ["spread", "stacked"])
def test_autocast_changes_nothing(scene):
    boxes, scores = SCENES[scene]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert nms(boxes, scores, 0.5).tolist() == by_definition(boxes, scores, 0.5)


def test_nothing_in_nothing_out():
    kept = batched_nms(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64), 0.5)
    assert kept.dtype == torch.int64
    assert kept.shape == (0,)


def test_scores_that_are_nan_are_refused():
    with pytest.raises(ValueError, match="found NaN"):
        nms(torch.zeros(2, 4), torch.tensor([0.5, torch.nan]), 0.5)


@pytest.mark.parametrize(
    ("boxes", "scores", "groups", "complaint"),
    [
        (torch.zeros(3, 5), torch.zeros(3), torch.zeros(3), r"\(N, 4\), found \(3, 5\)"),
        (torch.zeros(3, 4), torch.zeros(2), torch.zeros(3), r"scores of shape \(3,\), found \(2,\)"),
        (torch.zeros(3, 4), torch.zeros(3), torch.zeros(3, 1), r"idxs of shape \(3,\), found \(3, 1\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(boxes, scores, groups, complaint):
    with pytest.raises(ValueError, match=complaint):
        batched_nms(boxes, scores, groups, 0.5)


def test_a_negative_threshold_is_refused():
    with pytest.raises(ValueError, match=r"at least 0, found -0\.1"):
        nms(torch.zeros(1, 4), torch.zeros(1), -0.1)


class Suppression(torch.nn.Module):
    """What is exported."""

    def forward(self, boxes: Tensor, scores: Tensor, groups: Tensor) -> Tensor:
        return batched_nms(boxes, scores, groups, 0.5)


@pytest.mark.skipif(not TELLS_EXPORT_APART, reason="torch.export records no such loop before PyTorch 2.13")
def test_an_exported_program_keeps_the_same_boxes_however_many_there_are():
    boxes, scores = clustered(40, 5)
    count = torch.export.Dim("count")
    shapes = ({0: count}, {0: count}, {0: count})
    program = torch.export.export(
        Suppression(), (boxes, scores, torch.arange(40) % 2), dynamic_shapes=shapes, strict=False
    ).module()
    for boxes, scores in (spread(0), spread(1), clustered(300, 20), chain(50)):
        groups = torch.arange(len(boxes)) % 2
        assert torch.equal(program(boxes, scores, groups), batched_nms(boxes, scores, groups, 0.5))


def test_a_compiled_model_keeps_the_same_boxes():
    compiled = torch.compile(Suppression(), backend="eager", dynamic=True)
    for boxes, scores in (spread(30), spread(0), clustered(300, 20)):
        groups = torch.arange(len(boxes)) % 2
        assert torch.equal(compiled(boxes, scores, groups), batched_nms(boxes, scores, groups, 0.5))


def test_torch_fx_writes_nms_down_as_one_node():
    traced = torch.fx.symbolic_trace(lambda boxes, scores: batched_nms(boxes, scores, scores.long(), 0.5))
    assert [node.name for node in traced.graph.nodes if node.op == "call_function"] == ["batched_nms"]
    boxes, scores = torch.tensor([[0.0, 0, 9, 9], [0, 0, 9, 8]]), torch.tensor([0.5, 0.25])
    assert traced(boxes, scores).tolist() == [0]


@pytest.mark.parametrize("grouped", [False, True])
def test_devices_without_double_precision_leave_it_to_the_processor(
    grouped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes, scores, groups = torch.rand(50, 4).cumsum(1), torch.rand(50), torch.arange(50) % 3
    suppress = (lambda: batched_nms(boxes, scores, groups, 0.4)) if grouped else (lambda: nms(boxes, scores, 0.4))
    expected = suppress()
    answers = iter([False, True])
    monkeypatch.setattr("zoo_detection.ops._nms.has_double_precision", lambda _device: next(answers))
    assert torch.equal(suppress(), expected)
    assert next(answers, None) is None  # asked on the device, and then on the processor
