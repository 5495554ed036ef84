"""Coding boxes, and the losses of codes."""

import math

import pytest
import torch

from zoo_detection.boxes.coding import BoxCoder, BoxLinearCoder


def some_boxes(number, seed):
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(number, 2, generator=generator) * 50
    return torch.cat([corners, corners + 1 + torch.rand(number, 2, generator=generator) * 40], dim=1)


BOXES, ANCHORS = some_boxes(20, 0), some_boxes(20, 1)


@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0, 1.0), (10.0, 10.0, 5.0, 5.0)])
def test_codes_decode_to_the_boxes_they_were_made_of(weights):
    coder = BoxCoder(weights)
    codes = coder.encode([BOXES[:7], BOXES[7:]], [ANCHORS[:7], ANCHORS[7:]])
    assert [len(code) for code in codes] == [7, 13]
    torch.testing.assert_close(coder.decode(torch.cat(codes), [ANCHORS[:7], ANCHORS[7:]])[:, 0], BOXES)


def test_codes_are_those_of_the_paper():
    code = BoxCoder((1.0, 1.0, 1.0, 1.0)).encode_single(
        torch.tensor([[2.0, 4.0, 12.0, 44.0]]), torch.tensor([[0.0, 0.0, 20.0, 10.0]])
    )
    expected = [(7 - 10) / 20, (24 - 5) / 10, math.log(10 / 20), math.log(40 / 10)]
    torch.testing.assert_close(code, torch.tensor([expected]))


def test_each_class_has_its_codes_side_by_side():
    coder = BoxCoder((1.0, 1.0, 1.0, 1.0))
    codes = torch.randn(20, 12) * 0.1
    decoded = coder.decode(codes, [ANCHORS])
    assert decoded.shape == (20, 3, 4)
    for index in range(3):
        torch.testing.assert_close(decoded[:, index], coder.decode_single(codes[:, 4 * index :][:, :4], ANCHORS))


def test_huge_sizes_are_limited():
    decoded = BoxCoder((1.0, 1.0, 1.0, 1.0)).decode_single(
        torch.tensor([[0.0, 0.0, 99.0, 99.0]]), torch.tensor([[0.0, 0.0, 16.0, 16.0]])
    )
    assert (decoded[0, 2] - decoded[0, 0]).item() == pytest.approx(1000)


@pytest.mark.parametrize("normalize_by_size", [True, False])
def test_distances_decode_to_the_boxes_they_were_made_of(normalize_by_size):
    coder = BoxLinearCoder(normalize_by_size)
    torch.testing.assert_close(coder.decode(coder.encode(ANCHORS, BOXES), ANCHORS), BOXES)
