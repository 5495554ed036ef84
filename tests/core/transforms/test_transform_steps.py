from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from reference.fill import photo
from zoo_core.transforms import center_crop, normalize, pil_to_tensor, resize, to_float


def picture(height: int = 60, width: int = 90) -> Image.Image:
    return Image.fromarray(photo(height, width))


def pixels(height: int = 60, width: int = 90) -> Tensor:
    return torch.from_numpy(np.array(picture(height, width))).permute(2, 0, 1)


# resize


@pytest.mark.parametrize("kind", [picture, pixels], ids=["PIL", "tensor"])
@pytest.mark.parametrize(
    ("size", "before", "after"),
    [
        (10, (20, 31), (10, 15)),
        (10, (31, 20), (15, 10)),
        ([10], (20, 31), (10, 15)),
        (40, (20, 30), (40, 60)),
        ((7, 9), (20, 30), (7, 9)),
    ],
)
def test_one_size_keeps_the_proportions_and_two_do_not(kind, size, before, after) -> None:
    image = resize(kind(*before), size)
    assert tuple(image.shape[-2:] if isinstance(image, Tensor) else image.size[::-1]) == after


@pytest.mark.parametrize("image", [picture(), pixels(), pixels()[None]], ids=["PIL", "tensor", "batch"])
@pytest.mark.parametrize("size", [60, (60, 90)])
def test_an_image_that_has_the_size_is_not_copied(image: Any, size: int | tuple[int, int]) -> None:
    assert resize(image, size) is image


def test_line_that_would_fill_the_memory_is_refused_before_it_does() -> None:
    with pytest.raises(ValueError, match=r"40000 x 2 pixels would become one of 5120000 x 256"):
        resize(Image.new("RGB", (40_000, 2)), 256)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [28, 100], ids=["shrunk", "enlarged"])
def test_tensors_are_resized_as_pillow_does_it(interpolation: str, size: int) -> None:
    by_pillow = pil_to_tensor(resize(picture(), size, interpolation=interpolation)).int()
    assert (resize(pixels(), size, interpolation=interpolation) - by_pillow).abs().max() <= 1


@pytest.mark.parametrize(
    ("interpolation", "expected"),
    [("nearest", [0, 80]), ("nearest-exact", [40, 120]), ("bilinear", [25, 105]), ("bicubic", [25, 103])],
)
def test_without_antialiasing_only_the_nearest_pixels_count(interpolation: str, expected: list[int]) -> None:
    row = torch.tensor([[[0, 10, 40, 50, 80, 90, 120, 150]]], dtype=torch.uint8)
    result = resize(row, (1, 2), interpolation=interpolation, antialias=False)
    assert result.flatten().tolist() == expected


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64, torch.float16, torch.float64])
def test_the_dtype_stays(dtype: torch.dtype) -> None:
    assert resize(pixels().to(dtype), 28).dtype == dtype


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32])
def test_bicubic_interpolation_does_not_wrap_around(dtype: torch.dtype) -> None:
    limits = torch.iinfo(dtype)
    edge = torch.full((1, 8, 8), limits.min, dtype=dtype)
    edge[..., 4:] = limits.max
    result = resize(edge, 32, interpolation="bicubic")[0, 0].double()
    assert (result.diff() >= -abs(limits.max) / 8).all()
    assert result.min() == limits.min
    assert result.max() == limits.max


# center_crop


@pytest.mark.parametrize(
    ("length", "crop", "expected"),
    [
        (6, 2, [3, 4]),
        (5, 2, [3, 4]),
        (7, 2, [3, 4]),
        (3, 3, [1, 2, 3]),
        (2, 4, [0, 1, 2, 0]),
        (2, 5, [0, 1, 2, 0, 0]),
    ],
)
def test_the_crop_is_centred_and_lacking_pixels_are_zero(length: int, crop: int, expected: list[int]) -> None:
    row = torch.arange(1, length + 1, dtype=torch.uint8).expand(1, 1, length)
    column = row.transpose(-1, -2)
    grey = Image.fromarray(row[0].numpy())
    assert center_crop(row, (1, crop)).flatten().tolist() == expected
    assert center_crop(column, (crop, 1)).flatten().tolist() == expected
    assert np.array(center_crop(grey, (1, crop))).ravel().tolist() == expected


def test_one_crop_size_is_a_square() -> None:
    assert center_crop(pixels(), 20).shape == (3, 20, 20)
    assert center_crop(picture(), 20).size == (20, 20)


# pil_to_tensor, to_float, normalize


@pytest.mark.parametrize(
    ("mode", "dtype", "channels"),
    [
        ("1", torch.bool, 1),
        ("L", torch.uint8, 1),
        ("P", torch.uint8, 1),
        ("I", torch.int32, 1),
        ("F", torch.float32, 1),
        ("I;16", torch.uint16, 1),
        ("LA", torch.uint8, 2),
        ("RGB", torch.uint8, 3),
        ("CMYK", torch.uint8, 4),
    ],
)
def test_pil_to_tensor_keeps_the_values(mode: str, dtype: torch.dtype, channels: int) -> None:
    image = (
        picture(4, 5).convert("L").convert("I").point(lambda value: value * 200) if mode == "I;16" else picture(4, 5)
    )
    image = image.convert(mode)
    tensor = pil_to_tensor(image)
    assert tensor.dtype == dtype
    assert tensor.is_contiguous()
    assert np.array_equal(tensor.numpy(), np.array(image).reshape(4, 5, channels).transpose(2, 0, 1))


def test_pil_to_tensor_does_not_need_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Image.Image, "__array_interface__")
    assert pil_to_tensor(Image.new("RGB", (3, 2), (1, 2, 3)))[:, 1, 2].tolist() == [1, 2, 3]


def test_pil_to_tensor_refuses_a_byte_order_that_no_dtype_has() -> None:
    with pytest.raises(ValueError, match=r"'I;16B'.*convert"):
        pil_to_tensor(Image.new("I;16B", (2, 2)))


def test_pil_to_tensor_refuses_a_tensor() -> None:
    with pytest.raises(TypeError, match=r"Expected a PIL image, found torch\.Tensor"):
        pil_to_tensor(pixels())  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32, torch.int64])
def test_to_float_divides_by_the_largest_value_of_the_dtype(dtype: torch.dtype) -> None:
    output = to_float(torch.tensor([0, torch.iinfo(dtype).max], dtype=dtype))
    assert output.dtype == torch.float32
    assert output.tolist() == [0, 1]


@pytest.mark.parametrize("dtype", [torch.bool, torch.float16, torch.float32, torch.float64])
def test_to_float_keeps_booleans_and_floating_point_values(dtype: torch.dtype) -> None:
    output = to_float(torch.tensor([0, 1], dtype=dtype))
    assert output.dtype == torch.float32
    assert output.tolist() == [0, 1]


def test_normalize_works_channel_by_channel() -> None:
    image = torch.tensor([1.0, 2.0]).reshape(2, 1, 1)
    assert normalize(image, mean=[0, 1], std=(0.5, 0.25)).flatten().tolist() == [2, 4]


def test_normalize_refuses_integers() -> None:
    with pytest.raises(TypeError, match=r"found torch\.uint8: use `to_float"):
        normalize(pixels(), [0.5] * 3, [0.5] * 3)


@pytest.mark.parametrize(
    "step", [to_float, lambda image: normalize(image, [0.5], [0.5])], ids=["to_float", "normalize"]
)
def test_a_step_on_tensors_alone_sends_pil_images_to_pil_to_tensor(step) -> None:
    with pytest.raises(TypeError, match=r"found PIL\.Image\.Image: use `pil_to_tensor`"):
        step(picture())
