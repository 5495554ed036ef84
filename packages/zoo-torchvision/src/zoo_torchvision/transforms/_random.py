"""Transforms that are drawn anew for each image, from torch's generator."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from zoo_core.transforms import InterpolationMode

from . import functional as F
from .functional._geometry import Interpolation, interpolation_of
from .functional._padding import Fill
from .functional._sizes import ImageLike, pair

_TRIES = 10
"""How often a random rectangle is drawn until it lies in the image."""


class _ByChance(nn.Module):
    """Something done with the probability `p`."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, img: Any) -> Any:
        """Return the image, changed or as it is."""
        return self._changed(img) if torch.rand(1).item() < self.p else img

    def _changed(self, img: Any) -> Any:
        raise NotImplementedError

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"p={self.p}"


class RandomHorizontalFlip(_ByChance):
    """An image mirrored, left to right, with the probability `p`."""

    def _changed(self, img: Any) -> Any:
        return F.hflip(img)


class RandomVerticalFlip(_ByChance):
    """An image mirrored, top to bottom, with the probability `p`."""

    def _changed(self, img: Any) -> Any:
        return F.vflip(img)


class RandomGrayscale(_ByChance):
    """An image without its colours, with the probability `p`; it keeps its number of channels."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p)

    def _changed(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, num_output_channels=F.get_image_num_channels(img))


class RandomCrop(nn.Module):
    """A rectangle of a given size, anywhere in the image.

    Args:
        size: In pixels: of a square, or (height, width).
        padding: A border that is added first, as `functional.pad` has it.
        pad_if_needed: Whether an image that is too small gets a border.
        fill: What a constant border has.
        padding_mode: What kind of border.

    Raises:
        ValueError: When called: the image is too small.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Fill = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        height, width = pair(size)
        self.size = (height, width)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    @staticmethod
    def get_params(img: ImageLike, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Draw a rectangle: top, left, height and width.

        Raises:
            ValueError: The image is too small.
        """
        _, height, width = F.get_dimensions(img)
        rows, columns = output_size
        if height < rows or width < columns:
            raise ValueError(f"Required crop size {(rows, columns)} is larger than input image size {(height, width)}")
        if (height, width) == (rows, columns):
            return 0, 0, height, width
        top = int(torch.randint(0, height - rows + 1, (1,)).item())
        left = int(torch.randint(0, width - columns + 1, (1,)).item())
        return top, left, rows, columns

    def forward(self, img: Any) -> Any:
        """Return the rectangle."""
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        _, height, width = F.get_dimensions(img)
        rows, columns = self.size
        if self.pad_if_needed and width < columns:
            img = F.pad(img, [columns - width, 0], self.fill, self.padding_mode)
        if self.pad_if_needed and height < rows:
            img = F.pad(img, [0, rows - height], self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"size={self.size}, padding={self.padding}"


class RandomResizedCrop(nn.Module):
    """A random part of an image, resized: Szegedy et al., Going Deeper with Convolutions, 2015, section 6.

    Args:
        size: Of the result in pixels: of a square, or (height, width).
        scale: The least and the largest share of the image's area.
        ratio: The least and the largest width to height.
        interpolation: How to resize.
        antialias: Whether shrinking a tensor takes in every pixel.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3 / 4, 4 / 3),
        interpolation: Interpolation = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        height, width = pair(size)
        self.size = (height, width)
        if not all(isinstance(bounds, Sequence) for bounds in (scale, ratio)):
            raise TypeError(f"scale and ratio should be a sequence; found {scale!r} and {ratio!r}.")
        self.scale = scale
        self.ratio = ratio
        self.interpolation = interpolation_of(interpolation)
        self.antialias = antialias

    @staticmethod
    def get_params(img: ImageLike, scale: Sequence[float], ratio: Sequence[float]) -> tuple[int, int, int, int]:
        """Draw a rectangle: top, left, height and width."""
        _, height, width = F.get_dimensions(img)
        logarithms = torch.log(torch.tensor(ratio))
        for _ in range(_TRIES):
            area = height * width * torch.empty(1).uniform_(scale[0], scale[1]).item()
            proportion = torch.exp(torch.empty(1).uniform_(float(logarithms[0]), float(logarithms[1]))).item()
            columns = round(math.sqrt(area * proportion))
            rows = round(math.sqrt(area / proportion))
            if 0 < columns <= width and 0 < rows <= height:
                top = int(torch.randint(0, height - rows + 1, (1,)).item())
                left = int(torch.randint(0, width - columns + 1, (1,)).item())
                return top, left, rows, columns
        return _middle(height, width, ratio)

    def forward(self, img: Any) -> Any:
        """Return a part, resized."""
        place = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *place, self.size, self.interpolation, antialias=self.antialias)

    def extra_repr(self) -> str:
        """Return the arguments."""
        scale, ratio = (tuple(round(value, 4) for value in bounds) for bounds in (self.scale, self.ratio))
        mode = self.interpolation.value
        return f"size={self.size}, scale={scale}, ratio={ratio}, interpolation={mode}, antialias={self.antialias}"


def _middle(height: int, width: int, ratio: Sequence[float]) -> tuple[int, int, int, int]:
    """Return the largest rectangle in the middle whose proportions are allowed."""
    rows, columns = height, width
    if width / height < min(ratio):
        rows = round(width / min(ratio))
    elif width / height > max(ratio):
        columns = round(height * max(ratio))
    return (height - rows) // 2, (width - columns) // 2, rows, columns
