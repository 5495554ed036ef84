"""Anchors and default boxes, against their definitions."""

import math

import pytest
import torch

from zoo_detection.boxes.anchors import AnchorGenerator, DefaultBoxGenerator
from zoo_detection.inputs.image_list import ImageList

IMAGES = ImageList(torch.zeros(2, 3, 64, 96), [(60, 90), (64, 80)])


def test_anchors_are_all_shapes_at_all_places_row_by_row():
    generator = AnchorGenerator(sizes=((16, 32), (64,)), aspect_ratios=((0.5, 1.0), (2.0,)))
    anchors = generator(IMAGES, [torch.zeros(2, 1, 4, 6), torch.zeros(2, 1, 2, 3)])
    expected = []
    for rows, columns, sizes, ratios in ((4, 6, (16, 32), (0.5, 1.0)), (2, 3, (64,), (2.0,))):
        for row in range(rows):
            for column in range(columns):
                for ratio in ratios:
                    for size in sizes:
                        x, y = column * (96 // columns), row * (64 // rows)
                        half_width, half_height = round(size / math.sqrt(ratio) / 2), round(size * math.sqrt(ratio) / 2)
                        expected.append([x - half_width, y - half_height, x + half_width, y + half_height])
    assert len(anchors) == 2
    assert anchors[0].tolist() == anchors[1].tolist() == expected
    assert generator.num_anchors_per_location() == [4, 1]


def test_one_tuple_stands_for_a_size_or_the_ratios_of_each_level():
    flat, nested = AnchorGenerator((32, 64), (0.5, 2.0)), AnchorGenerator(((32,), (64,)), ((0.5, 2.0),) * 2)
    assert (flat.sizes, flat.aspect_ratios) == (nested.sizes, nested.aspect_ratios)


def test_anchors_have_the_type_of_the_features():
    (anchors, _) = AnchorGenerator(((32,),), ((1.0,),))(IMAGES, [torch.zeros(2, 1, 2, 2, dtype=torch.float64)])
    assert anchors.dtype == torch.float64


def test_levels_without_anchors_are_refused():
    with pytest.raises(ValueError, match="expected 1 feature maps, found 2"):
        AnchorGenerator()(IMAGES, [torch.zeros(2, 1, 2, 2)] * 2)
    with pytest.raises(ValueError, match="found 1 and 2"):
        AnchorGenerator(((32,), (64,)), ((1.0,),))


@pytest.mark.parametrize("steps", [None, [16]])
def test_default_boxes_are_those_of_the_paper(steps):
    generator = DefaultBoxGenerator([[2]], scales=[0.25, 0.5], steps=steps)
    boxes, _ = generator(IMAGES, [torch.zeros(2, 1, 4, 6)])
    between, wide = math.sqrt(0.25 * 0.5), 0.25 * math.sqrt(2)
    sizes = [(0.25, 0.25), (between, between), (wide, wide / 2), (wide / 2, wide)]
    expected = []
    for row in range(4):
        for column in range(6):
            for width, height in sizes:
                x, y = (column + 0.5) / 6, (row + 0.5) / 4
                corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
                expected.append([corner * side for corner, side in zip(corners, (96, 64, 96, 64), strict=True)])
    torch.testing.assert_close(boxes, torch.tensor(expected))
    assert generator.num_anchors_per_location() == [4]


def test_scales_are_spaced_evenly_and_end_with_the_image():
    assert DefaultBoxGenerator([[2]] * 3, min_ratio=0.2, max_ratio=0.8).scales == pytest.approx([0.2, 0.5, 0.8, 1.0])


def test_default_boxes_are_no_larger_than_the_image_unless_asked():
    features = [torch.zeros(2, 1, 1, 1)]
    clipped, _ = DefaultBoxGenerator([[]], scales=[1.5, 2.0])(IMAGES, features)
    free, _ = DefaultBoxGenerator([[]], scales=[1.5, 2.0], clip=False)(IMAGES, features)
    assert (clipped[:, 2] - clipped[:, 0]).tolist() == [96, 96]
    assert (free[0, 2] - free[0, 0]).item() == 144


@pytest.mark.parametrize("kwargs", [{"scales": [0.1, 0.2]}, {"steps": [8]}])
def test_numbers_of_levels_that_differ_are_refused(kwargs):
    with pytest.raises(ValueError, match="should be"):
        DefaultBoxGenerator([[2], [2]], **kwargs)
