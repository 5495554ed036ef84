"""Resizing as products of matrices whose sizes are computed by tensors: recorded once, it serves images of any size.

The results are those of `zoo_core.transforms`, in every runtime: Pillow's antialiasing, which runtimes have in
different forms or not at all, is nothing but weights here.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ._sizes import smaller

KERNELS = ("bilinear", "bicubic")


class ResizeAndCrop(nn.Module):
    """Resizes images, and cuts out the middle.

    Args:
        resize_size: What the smaller edge becomes, or (height, width); in pixels.
        crop_size: Height and width of the result. What the resized image lacks is filled with zeros.
        interpolation: `"bilinear"` or `"bicubic"`.
        antialias: Whether every pixel counts where images are shrunk.
        rounds: Whether the results are whole grey levels, 0 to 255, as resized uint8 images are.

    Shape:
        Images `(…, C, H, W)`, floating point, to `(…, C, crop_size[0], crop_size[-1])`.

    Raises:
        ValueError: It cannot be exported with such an interpolation.

    Example:
        >>> import torch
        >>> from zoo_export._resize import ResizeAndCrop
        >>> ResizeAndCrop([64], [48, 48])(torch.rand(1, 3, 90, 120)).shape
        torch.Size([1, 3, 48, 48])
    """

    def __init__(
        self,
        resize_size: Sequence[int],
        crop_size: Sequence[int],
        interpolation: str = "bilinear",
        antialias: bool = True,
        *,
        rounds: bool = True,
    ) -> None:
        super().__init__()
        _check(interpolation, antialias=antialias)
        self.resize_size, self.crop_size = list(resize_size), list(crop_size)
        self.interpolation, self.antialias, self.rounds = str(interpolation), antialias, rounds

    def forward(self, images: Tensor) -> Tensor:
        height, width = (torch.scalar_tensor(side, dtype=torch.int64) for side in images.shape[-2:])
        if len(self.resize_size) == 1:
            shorter = torch.minimum(height, width)
            resized = tuple(_floor(self.resize_size[0] * side, shorter) for side in (height, width))
        else:
            resized = tuple(torch.scalar_tensor(side, dtype=torch.int64) for side in self.resize_size)
        rows = self._weights(images.shape[-2], resized[0], self.crop_size[0])
        columns = self._weights(images.shape[-1], resized[1], self.crop_size[-1])
        resized_images = torch.matmul(torch.matmul(rows, images), columns.t())
        return resized_images.round().clamp(0, 255) if self.rounds else resized_images

    def _weights(self, length: int, resized: Tensor, crop: int) -> Tensor:
        """Return how much each pixel of an axis counts for each of the result's, `(crop, length)`."""
        difference = resized - crop
        offset = torch.where(difference < 0, -_floor(-difference, 2), torch.round(difference / 2).to(torch.int64))
        place = torch.arange(crop) + offset
        weights = weights_of(length, resized, place, self.interpolation, antialias=self.antialias)
        inside = (place >= 0) & (place < resized)
        return torch.where(inside[:, None], weights, 0.0)


class Resize(nn.Module):
    """Resizes images to a size that depends on theirs.

    Args:
        resize_size: What the smaller edge becomes, or (height, width); in pixels. `None` leaves images as they are.
        interpolation: `"bilinear"` or `"bicubic"`.
        antialias: Whether every pixel counts where images are shrunk.
        rounds: Whether the results are whole grey levels, 0 to 255, as resized uint8 images are.

    Shape:
        Images `(…, C, H, W)`, floating point, to `(…, C, height, width)`.

    Raises:
        ValueError: It cannot be exported with such an interpolation.

    Example:
        >>> import torch
        >>> from zoo_export._resize import Resize
        >>> Resize([64])(torch.rand(1, 3, 90, 120)).shape
        torch.Size([1, 3, 64, 85])
    """

    def __init__(
        self,
        resize_size: Sequence[int] | None,
        interpolation: str = "bilinear",
        antialias: bool = True,
        *,
        rounds: bool = True,
    ) -> None:
        super().__init__()
        _check(interpolation, antialias=antialias)
        self.resize_size = None if resize_size is None else list(resize_size)
        self.interpolation, self.antialias, self.rounds = str(interpolation), antialias, rounds

    def forward(self, images: Tensor) -> Tensor:
        if self.resize_size is None:
            return images
        height, width = images.shape[-2:]
        if len(self.resize_size) == 1:
            shorter = smaller(height, width)
            size = (self.resize_size[0] * height // shorter, self.resize_size[0] * width // shorter)
        else:
            size = (self.resize_size[0], self.resize_size[1])
        resized = resize_to(images, *size, self.interpolation, antialias=self.antialias)
        return resized.round().clamp(0, 255) if self.rounds else resized


def resize_to(
    images: Tensor, height: int, width: int, interpolation: str = "bilinear", *, antialias: bool = True
) -> Tensor:
    """Resize images `(…, C, H, W)`, floating point, to a height and width that may be symbols.

    Example:
        >>> import torch
        >>> from zoo_export._resize import resize_to
        >>> resize_to(torch.tensor([[[0.0, 1.0]]]), 1, 4)
        tensor([[[0.0000, 0.2500, 0.7500, 1.0000]]])
    """
    rows, columns = (
        weights_of(
            length,
            torch.scalar_tensor(resized, dtype=torch.int64),
            torch.arange(resized),
            interpolation,
            antialias=antialias,
        )
        for length, resized in ((images.shape[-2], height), (images.shape[-1], width))
    )
    return torch.matmul(torch.matmul(rows, images), columns.t())


def weights_of(length: int, resized: Tensor, place: Tensor, interpolation: str, *, antialias: bool) -> Tensor:
    """Return how much each pixel of an axis counts for each place on the resized axis, `(places, length)`."""
    scale = torch.scalar_tensor(length, dtype=torch.int64) / resized
    width = scale.clamp(min=1.0) if antialias else torch.ones_like(scale)
    centre = (place + 0.5) * scale
    distance = (torch.arange(length) + 0.5 - centre[:, None]) / width
    weights = _bicubic(distance) if interpolation == "bicubic" else (1 - distance.abs()).clamp(min=0.0)
    total = weights.sum(dim=1, keepdim=True)
    return weights / torch.where(total == 0, 1.0, total)


def _check(interpolation: str, *, antialias: bool) -> None:
    if interpolation not in KERNELS:
        raise ValueError(f"Only {' and '.join(KERNELS)} interpolation can be exported, found {interpolation!r}.")
    if interpolation == "bicubic" and not antialias:
        raise ValueError("Bicubic interpolation without antialiasing cannot be exported: expected antialias=True.")


def _floor(dividend: Tensor, divisor: "Tensor | int") -> Tensor:
    """Return a quotient of whole numbers rounded down, also where a runtime divides in single precision."""
    quotient = torch.div(dividend, divisor, rounding_mode="floor")
    quotient = quotient + ((quotient + 1) * divisor <= dividend).to(torch.int64)
    return quotient - (quotient * divisor > dividend).to(torch.int64)


def _bicubic(distance: Tensor) -> Tensor:
    """Return the weights of bicubic interpolation (Keys, 1981, equation 4 with a = -1/2)."""
    near = distance.abs()
    inner = (1.5 * near - 2.5) * near**2 + 1
    outer = ((-0.5 * near + 2.5) * near - 4) * near + 2
    return torch.where(near < 1, inner, torch.where(near < 2, outer, 0.0))
