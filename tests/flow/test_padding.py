from typing import Any

import pytest
import torch

from zoo_flow.padding import Padding, pad_images, padding_for

SIZES = [(1, 1), (100, 150), (128, 128), (129, 135), (436, 1024), (375, 1242)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_padded_images_have_a_size_that_models_take_and_flow_gets_the_images_size_back(height: int, width: int) -> None:
    image1, image2 = torch.rand(2, 1, 3, height, width)
    padded1, padded2, padding = pad_images(image1, image2)
    assert padded1.shape == padded2.shape
    assert all(size % 8 == 0 and size >= 128 for size in padded1.shape[-2:])
    assert all(size - given < 8 or size == 128 for size, given in zip(padded1.shape[-2:], (height, width), strict=True))
    assert torch.equal(padding.remove(padded1), image1)
    assert torch.equal(padding.remove(padded2), image2)


def test_images_of_a_size_that_models_take_are_not_padded() -> None:
    assert padding_for(128, 136) == Padding(0, 0, 0, 0)


def test_padding_is_even_and_continues_the_edges() -> None:
    images = torch.arange(6.0).view(1, 1, 2, 3)
    padding = padding_for(2, 3, multiple=5, smallest=1)
    assert padding == Padding(left=1, right=1, top=1, bottom=2)
    assert padding.add(images)[0, 0].tolist() == [[0, 0, 1, 2, 2]] * 2 + [[3, 3, 4, 5, 5]] * 3


def test_other_multiples_and_sizes_can_be_asked_for() -> None:
    image1, _, _ = pad_images(*torch.zeros(2, 1, 3, 100, 30), multiple=64, smallest=64)
    assert image1.shape[-2:] == (128, 64)


def test_images_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"same shape, found \[1, 3, 8, 8\] and \[1, 3, 8, 9\]"):
        pad_images(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 9))


@pytest.mark.parametrize("arguments", [{"height": 0}, {"width": 0}, {"multiple": 0}, {"smallest": 0}])
def test_numbers_that_make_no_sense_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="should be at least 1, found"):
        padding_for(**{"height": 8, "width": 8, **arguments})


@pytest.mark.parametrize(("height", "width"), [(375, 1242), (130, 136), (376, 1241), (9, 9)])
def test_rows_may_all_be_added_below(height: int, width: int) -> None:
    both, below = padding_for(height, width), padding_for(height, width, rows="kitti")
    assert (below.left, below.right) == (both.left, both.right)
    assert (below.top, below.bottom) == (0, both.top + both.bottom)


def test_rows_are_added_in_one_of_two_ways() -> None:
    with pytest.raises(ValueError, match="rows is 'sintel' or 'kitti', found 'above'"):
        pad_images(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8), rows="above")
