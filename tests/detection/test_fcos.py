"""FCOS beyond what the recorded layouts, outputs and losses show."""

from typing import Any

import pytest
import torch
from torch import nn

from zoo_core.building import without_files
from zoo_detection import FCOS, AnchorGenerator, FCOSHead, fcos_resnet50_fpn
from zoo_detection._fcos import FCOSRegressionHead, _centredness, match_places
from zoo_detection.ops import FrozenBatchNorm2d


def places(*strides: int, side: int = 64) -> tuple[torch.Tensor, list[int]]:
    """Return the anchors of levels of these strides on a square image, and how many each level has."""
    levels = []
    for stride in strides:
        along = torch.arange(0, side, stride).float()
        y, x = torch.meshgrid(along, along, indexing="ij")
        centres = torch.stack((x, y), -1).reshape(-1, 2)
        levels.append(torch.cat((centres - stride / 2, centres + stride / 2), 1))
    return torch.cat(levels), [len(level) for level in levels]


def slow_match(anchor: list[float], boxes: list[list[float]], radius: float, *, first: bool, last: bool) -> int:
    """Follow section 3.2 word by word for one place."""
    x, y, stride = (anchor[0] + anchor[2]) / 2, (anchor[1] + anchor[3]) / 2, anchor[2] - anchor[0]
    candidates = []
    for index, (x1, y1, x2, y2) in enumerate(boxes):
        sides = (x - x1, y - y1, x2 - x, y2 - y)
        near = max(abs(x - (x1 + x2) / 2), abs(y - (y1 + y2) / 2)) < radius * stride
        fits = (first or max(sides) > 4 * stride) and (last or max(sides) < 8 * stride)
        if min(sides) > 0 and near and fits:
            candidates.append(((x2 - x1) * (y2 - y1), index))
    return min(candidates)[1] if candidates else -1


@pytest.mark.parametrize("radius", [0.7, 1.5, 4.0])
def test_places_are_matched_by_the_rules_of_the_paper(radius: float) -> None:
    anchors, sizes = places(4, 8, 16)
    torch.manual_seed(0)
    corners = torch.rand(12, 2) * 40
    boxes = torch.cat((corners, corners + 2 + torch.rand(12, 2) * 60), 1)
    matches = match_places(anchors, boxes, radius, sizes).tolist()
    levels = [level for level, size in enumerate(sizes) for _ in range(size)]
    expected = [
        slow_match(anchor, boxes.tolist(), radius, first=level == 0, last=level == 2)
        for anchor, level in zip(anchors.tolist(), levels, strict=True)
    ]
    assert matches == expected
    assert {match >= 0 for match in matches} == {True, False}


def test_without_boxes_every_place_is_background() -> None:
    anchors, sizes = places(8, 16)
    assert match_places(anchors, torch.zeros(0, 4), 1.5, sizes).unique().tolist() == [-1]


def test_centredness_is_one_in_the_middle_and_falls_to_the_sides() -> None:
    assert _centredness(torch.tensor([[1.0, 2, 1, 2], [1, 2, 3, 2], [1, 1, 4, 9]])).tolist() == pytest.approx(
        [1.0, (1 / 3) ** 0.5, (1 / 36) ** 0.5]
    )


def test_distances_are_never_negative() -> None:
    distances, centredness = FCOSRegressionHead(32, 1)([torch.randn(2, 32, 5, 5) * 100])
    assert (distances >= 0).all()
    assert centredness.shape == (2, 25, 1)


def test_a_head_may_have_other_convolutions() -> None:
    convolutions = FCOSHead(32, 1, 5, num_convs=2).classification_head.conv
    assert len(list(convolutions.children())) == 2 * 3


def test_more_than_one_anchor_at_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one anchor at each place, found \[2\]"):
        FCOS(nn.Conv2d(3, 32, 8, 8), 3, anchor_generator=AnchorGenerator(((8,),), ((1.0, 2.0),)))


@pytest.mark.parametrize(
    ("kwargs", "frozen"), [({}, True), ({"weights": "DEFAULT"}, True), ({"weights_backbone": None}, False)]
)
def test_batch_norm_is_frozen_where_anything_is_pretrained(kwargs: dict[str, Any], frozen: bool) -> None:
    with torch.device("meta"), without_files():
        model = fcos_resnet50_fpn(**kwargs)
    epsilons = {module.eps for module in model.modules() if isinstance(module, FrozenBatchNorm2d)}
    assert epsilons == ({1e-5} if frozen else set())
