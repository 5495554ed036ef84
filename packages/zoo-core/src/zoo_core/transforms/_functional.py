"""The steps of preprocessing, each for PIL images and tensors alike. Pillow resizes the former, PyTorch the latter."""

from collections.abc import Sequence
from enum import Enum, StrEnum
from numbers import Integral
from typing import TypeAlias, TypeVar

import torch
from PIL import Image
from torch import Tensor

from ._cropped import is_mostly_cut_off, resized_middle_of_picture
from ._kernels import center_crop_tensor, crop_offset, fitted_size, normalize_tensor, resize_tensor, to_float_tensor

ImageT = TypeVar("ImageT", Tensor, Image.Image)

_WIDE_MODES = {"I": torch.int32, "F": torch.float32, "I;16": torch.uint16}


class InterpolationMode(StrEnum):
    """How pixels between pixels are computed.

    Wherever one is expected, its value as a plain string will do, Pillow's number of it, and another library's enum
    member of the same value.

    The last three are Pillow's alone: they resize PIL images, not tensors.
    """

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"

    @classmethod
    def _missing_(cls, value: object) -> "InterpolationMode":
        is_number = isinstance(value, Integral) and not isinstance(value, bool)
        meant = _PILLOW_NUMBERS.get(int(value)) if is_number else getattr(value, "value", None)  # type: ignore[call-overload]
        if isinstance(meant, str) and meant in cls._value2member_map_:
            return cls(meant)
        raise ValueError(f"interpolation must be one of {', '.join(map(repr, map(str, cls)))}; found {value!r}.")

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"


Interpolation: TypeAlias = str | int | Enum
"""What an `InterpolationMode` may be given as."""

_PILLOW_NUMBERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}

_PILLOW_FILTERS = {
    InterpolationMode.NEAREST: Image.Resampling.NEAREST,
    InterpolationMode.NEAREST_EXACT: Image.Resampling.NEAREST,
    InterpolationMode.BILINEAR: Image.Resampling.BILINEAR,
    InterpolationMode.BICUBIC: Image.Resampling.BICUBIC,
    InterpolationMode.BOX: Image.Resampling.BOX,
    InterpolationMode.HAMMING: Image.Resampling.HAMMING,
    InterpolationMode.LANCZOS: Image.Resampling.LANCZOS,
}


def pil_to_tensor(image: Image.Image) -> Tensor:
    """Copy the pixels of a PIL image into a tensor, values unchanged.

    Args:
        image: A PIL image of at least one pixel.

    Returns:
        Contiguous (C, H, W) with one channel a band: uint8, but for mode `"1"` bool, `"I;16"` uint16, `"I"` int32 and
        `"F"` float32.

    Raises:
        TypeError: `image` is no PIL image.
        ValueError: It has no pixels, or 16-bit pixels of another byte order than `"I;16"`.

    Example:
        >>> from PIL import Image
        >>> from zoo_core.transforms import pil_to_tensor
        >>> pil_to_tensor(Image.new("RGB", (3, 2), (10, 20, 30)))[:, 0, 0]
        tensor([10, 20, 30], dtype=torch.uint8)
    """
    if not isinstance(image, Image.Image):
        raise TypeError(f"Expected a PIL image, found {_type_name(image)}.")
    check_picture(image)
    if image.mode == "1":
        return pil_to_tensor(image.convert("L")).bool()
    if image.mode.startswith("I;") and image.mode not in _WIDE_MODES:
        raise ValueError(f"Pixels of mode {image.mode!r} have no matching dtype: use `image.convert('I')` first.")
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=_WIDE_MODES.get(image.mode, torch.uint8))
    return pixels.reshape(image.height, image.width, -1).permute(2, 0, 1).contiguous()


def tensor_to_pil(pixels: Tensor) -> Image.Image:
    """Copy pixels into a PIL image, values unchanged; NumPy is not needed.

    Args:
        pixels: uint8 (H, W) or (1, H, W) for a grey image, (3, H, W) for one in RGB; on any device.

    Returns:
        An image of mode `"L"` or `"RGB"`.

    Raises:
        ValueError: `pixels` has another dtype or shape, or no pixels.

    Example:
        >>> import torch
        >>> from zoo_core.transforms import tensor_to_pil
        >>> tensor_to_pil(torch.tensor([[0, 255]], dtype=torch.uint8)).getpixel((1, 0))
        255
    """
    grey = pixels.dim() == 2 or (pixels.dim() == 3 and pixels.shape[0] == 1)
    if pixels.dtype != torch.uint8 or not pixels.numel() or not (grey or (pixels.dim() == 3 and pixels.shape[0] == 3)):
        raise ValueError(
            "pixels should be uint8 of shape (H, W), (1, H, W) or (3, H, W), none of them 0, "
            f"found {pixels.dtype} of shape {tuple(pixels.shape)}."
        )
    height, width = pixels.shape[-2:]
    buffer = bytearray(pixels.numel())
    interleaved = pixels if grey else pixels.permute(1, 2, 0)
    torch.frombuffer(buffer, dtype=torch.uint8).copy_(interleaved.flatten())
    return Image.frombytes("L" if grey else "RGB", (width, height), bytes(buffer))


def resize(
    image: ImageT, size: int | Sequence[int], *, interpolation: Interpolation = "bilinear", antialias: bool = True
) -> ImageT:
    """Resize an image.

    Args:
        image: A PIL image, or a tensor (..., C, H, W) of any real dtype.
        size: In pixels, above 0. One number: the length of the smaller edge; the larger one keeps the proportions,
            rounded down. Two numbers: (height, width) exactly.
        interpolation: An `InterpolationMode`, or what one may be given as.
        antialias: Whether shrinking takes in every pixel, for bilinear and bicubic interpolation of tensors. Pillow
            always does.

    Returns:
        As `image`: a PIL image of the same mode, or a tensor (..., C, height, width) of the same dtype, where integers
        are computed in floating point and rounded. It is `image` itself if that has the size already.

    Raises:
        TypeError: `image` is neither.
        ValueError: An argument is not as described, the image has no pixels, or a PIL image is so long and narrow that
            it would grow beyond `PIL.Image.MAX_IMAGE_PIXELS`.

    Example:
        >>> import torch
        >>> from PIL import Image
        >>> from zoo_core.transforms import resize
        >>> resize(torch.zeros(3, 20, 31), 10).shape
        torch.Size([3, 10, 15])
        >>> resize(Image.new("RGB", (31, 20)), (10, 12)).size
        (12, 10)
    """
    check_type(image)
    sizes, mode = checked_size("size", size), checked_interpolation(interpolation)
    if isinstance(image, Tensor):
        return resize_tensor(image, sizes, mode, antialias)
    check_picture(image)
    height, width = fitted_size(image.height, image.width, sizes)
    if image.size == (width, height):
        return image
    _check_growth(image, height, width)
    return image.resize((width, height), _PILLOW_FILTERS[mode])


def center_crop(image: ImageT, size: int | Sequence[int]) -> ImageT:
    """Cut the middle out of an image. Where the image is smaller, it is surrounded by zeros (black).

    Args:
        image: A PIL image, or a tensor (..., C, H, W).
        size: In pixels, above 0: one number for a square, or (height, width).

    Returns:
        A copy, as `image`: a PIL image of the same mode, or a tensor (..., C, height, width) of the same dtype.

    Raises:
        TypeError: `image` is neither.
        ValueError: `size` is not as described, or the image has no pixels.

    Example:
        >>> import torch
        >>> from zoo_core.transforms import center_crop
        >>> center_crop(torch.arange(5.0).reshape(1, 1, 5), (1, 3))
        tensor([[[1., 2., 3.]]])
    """
    check_type(image)
    sizes = checked_size("size", size)
    height, width = sizes[0], sizes[-1]
    if isinstance(image, Tensor):
        return center_crop_tensor(image, height, width)
    check_picture(image)
    top, left = crop_offset(image.height, height), crop_offset(image.width, width)
    return image.crop((left, top, left + width, top + height))


def resize_and_center_crop(
    image: Image.Image, size: list[int], height: int, width: int, interpolation: str
) -> Image.Image:
    """Do both with a PIL image; arguments are checked. What is cut off costs nothing where it would be very large."""
    check_picture(image)
    resized_height, resized_width = fitted_size(image.height, image.width, size)
    if is_mostly_cut_off(resized_height, resized_width, height, width):
        resampling = _PILLOW_FILTERS[InterpolationMode(interpolation)]
        image = resized_middle_of_picture(image, resized_height, resized_width, height, width, resampling)
    else:
        image = resize(image, size, interpolation=interpolation)
    return center_crop(image, (height, width))


def to_float(image: Tensor) -> Tensor:
    """Convert pixels to float32.

    Args:
        image: A tensor of any shape and real dtype.

    Returns:
        float32 of the same shape. Integers are divided by the largest value of their dtype (255 for uint8), so that
        pixels are in [0, 1]; booleans and floating-point numbers keep their values.

    Raises:
        TypeError: `image` is no tensor.

    Example:
        >>> import torch
        >>> from zoo_core.transforms import to_float
        >>> to_float(torch.tensor([0, 51, 255], dtype=torch.uint8))
        tensor([0.0000, 0.2000, 1.0000])
    """
    check_tensor(image)
    return to_float_tensor(image)


def normalize(image: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Subtract the mean and divide by the standard deviation, channel by channel.

    Args:
        image: A floating-point tensor (..., C, H, W).
        mean: C values, in the unit of the pixels.
        std: C values, none of them 0.

    Returns:
        A new tensor of the shape and dtype of `image`.

    Raises:
        TypeError: `image` is not a floating-point tensor.
        ValueError: The numbers of channels differ, or a value of `std` is 0.

    Example:
        >>> import torch
        >>> from zoo_core.transforms import normalize
        >>> normalize(torch.ones(1, 1, 2), mean=[0.5], std=[0.25])
        tensor([[[2., 2.]]])
    """
    check_tensor(image)
    if not image.is_floating_point():
        raise TypeError(f"Expected a floating-point tensor, found {image.dtype}: use `to_float(image)` first.")
    return normalize_tensor(image, *checked_statistics(mean, std))


def checked_interpolation(interpolation: Interpolation) -> InterpolationMode:
    """Return the mode that is meant, or raise the ValueError that lists those that there are."""
    return InterpolationMode(interpolation)  # type: ignore[arg-type] # what `_missing_` makes one of


def checked_size(name: str, value: object) -> list[int]:
    """Return one or two positive lengths as a list, or raise the ValueError that names the argument."""
    sizes = list(value) if isinstance(value, Sequence) else [value]
    lengths = [int(size) for size in sizes if isinstance(size, Integral)]
    if len(sizes) not in {1, 2} or len(lengths) < len(sizes) or min(lengths) < 1:
        raise ValueError(f"{name} must be one length in pixels above 0 or (height, width); found {value!r}.")
    return lengths


def checked_statistics(mean: Sequence[float], std: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return the normalisation as two lists, or raise the ValueError that says what does not fit."""
    if len(mean) != len(std) or not mean:
        raise ValueError(
            f"mean and std must have one value a channel each; found {len(mean)} in mean and {len(std)} in std."
        )
    if not all(std):
        raise ValueError(f"std must not contain 0, by which pixels would be divided; found {tuple(std)}.")
    return [float(value) for value in mean], [float(value) for value in std]


def check_type(image: object) -> None:
    """Refuse what is neither a tensor nor a PIL image, and say how to make one of it."""
    if isinstance(image, (Tensor, Image.Image)):
        return
    name = _type_name(image)
    hint = "a path or bytes can be read with `zoo_core.images.read_image`"
    if name == "numpy.ndarray":
        hint = "for an array (H, W, C) pass `PIL.Image.fromarray(array)` or `torch.from_numpy(array).permute(2, 0, 1)`"
    raise TypeError(f"Expected a PIL image or a tensor (..., C, H, W), found {name}: {hint}.")


def check_tensor(image: object) -> None:
    """Refuse what is no tensor."""
    if not isinstance(image, Tensor):
        raise TypeError(f"Expected a tensor, found {_type_name(image)}: use `pil_to_tensor` for a PIL image.")


def check_picture(image: Image.Image) -> None:
    """Refuse a PIL image without pixels."""
    if 0 in image.size:
        raise ValueError(f"Expected an image of at least one pixel, found {image.width} x {image.height}.")


def _check_growth(image: Image.Image, height: int, width: int) -> None:
    """Refuse what would fill the memory: a line of 40,000 pixels, two high, would get five million columns."""
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and height * width > max(limit, image.height * image.width):
        raise ValueError(
            f"An image of {image.width} x {image.height} pixels would become one of {width} x {height}, more than the "
            f"{limit} that PIL.Image.MAX_IMAGE_PIXELS allows: cut it into pieces that are less long."
        )


def _type_name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
