"""Grids and files."""

import io

import pytest
import torch
from PIL import Image

from zoo_core.utils import make_grid, save_image


def test_images_are_laid_out_row_by_row_with_padding_around_each():
    images = torch.arange(1.0, 6.0).reshape(5, 1, 1, 1).expand(5, 3, 2, 4)
    grid = make_grid(images, nrow=2, padding=1, pad_value=9.0)
    assert grid.shape == (3, 1 + 3 * 3, 1 + 2 * 5)
    assert grid[0, :, 2].tolist() == [9, 1, 1, 9, 3, 3, 9, 5, 5, 9]
    assert grid[0, 1].tolist() == [9, 1, 1, 1, 1, 9, 2, 2, 2, 2, 9]
    assert (grid[:, 7:9, 6:10] == 9).all()  # a place without image


def test_one_image_is_returned_as_it_is_with_three_channels():
    image = torch.rand(4, 5)
    assert torch.equal(make_grid(image), image.expand(3, 4, 5))
    assert torch.equal(make_grid([image[None]]), image.expand(3, 4, 5))


def test_values_are_normalized_over_all_images_or_each():
    images = torch.tensor([[0.0, 2.0], [4.0, 6.0]]).reshape(2, 1, 1, 2)
    assert make_grid(images, padding=0, normalize=True)[0].tolist() == [torch.tensor([0, 2, 4, 6]).div(6).tolist()]
    assert make_grid(images, padding=0, normalize=True, scale_each=True)[0].tolist() == [[0, 1, 0, 1]]
    assert make_grid(images, padding=0, normalize=True, value_range=(2, 4))[0].tolist() == [[0, 0, 1, 1]]


@pytest.mark.parametrize("images", ["a", [1], (torch.zeros(1),)])
def test_what_is_no_image_is_refused(images):
    with pytest.raises(TypeError, match="expected"):
        make_grid(images)


@pytest.mark.parametrize("images", [torch.zeros(0, 3, 4, 4), [], torch.zeros(1, 1, 3, 4, 4)])
def test_no_images_and_other_dimensions_are_refused(images):
    with pytest.raises(ValueError, match="expected"):
        make_grid(images)


def test_a_saved_image_has_the_nearest_of_256_values(tmp_path):
    image = torch.tensor([-1.0, 0.0, 0.5, 0.998, 2.0]).reshape(1, 1, 5)
    save_image(image, tmp_path / "a.png")
    assert list(Image.open(tmp_path / "a.png").convert("L").tobytes()) == [0, 0, 128, 254, 255]


def test_bytes_are_saved_as_they_are_into_an_open_file():
    pixels, file = torch.randint(0, 256, (3, 4, 5), dtype=torch.uint8), io.BytesIO()
    save_image(pixels, file, format="PNG")
    assert Image.open(file).tobytes() == bytes(pixels.permute(1, 2, 0).flatten().tolist())
