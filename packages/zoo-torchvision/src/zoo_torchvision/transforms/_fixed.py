"""Transforms that do the same each time: functions with their arguments kept."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from zoo_core.transforms import InterpolationMode, pil_to_tensor

from . import functional as F
from .functional._geometry import Interpolation, interpolation_of
from .functional._padding import Fill, sides
from .functional._sizes import pair


class _Unnamed:
    """A transform that is no module."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ToTensor(_Unnamed):
    """A PIL image or array becomes a tensor (C, H, W): bytes as float32 in [0, 1], other pixels with their values."""

    def __call__(self, pic: Any) -> Tensor:
        """Return the tensor."""
        return F.to_tensor(pic)


class PILToTensor(_Unnamed):
    """A PIL image becomes a tensor (C, H, W), values unchanged."""

    def __call__(self, pic: Any) -> Tensor:
        """Return the tensor."""
        return pil_to_tensor(pic)


class ToPILImage:
    """A tensor (C, H, W) or array (H, W, C) becomes a PIL image.

    Args:
        mode: Pillow's name for what the channels mean.
    """

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        """Return the image."""
        return F.to_pil_image(pic, self.mode)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'' if self.mode is None else f'mode={self.mode}'})"


class ConvertImageDtype(nn.Module):
    """Pixels of another type, scaled to its range.

    Args:
        dtype: What they become.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, image: Tensor) -> Tensor:
        """Return the converted pixels."""
        return F.convert_image_dtype(image, self.dtype)


class Normalize(nn.Module):
    """The mean subtracted, and divided by the standard deviation, channel by channel.

    Args:
        mean: A value for each channel.
        std: A value for each channel, none of them 0.
        inplace: Change the tensor that is given.
    """

    def __init__(self, mean: Any, std: Any, inplace: bool = False) -> None:
        super().__init__()
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def forward(self, tensor: Tensor) -> Tensor:
        """Return the normalised image (..., C, H, W)."""
        return F.normalize(tensor, self.mean, self.std, self.inplace)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"mean={self.mean}, std={self.std}"


class Resize(nn.Module):
    """An image of another size; arguments as of `functional.resize`."""

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: Interpolation = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        if not isinstance(size, int | Sequence):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, Sequence) and len(size) not in {1, 2}:
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        self.size = size
        self.max_size = max_size
        self.interpolation = interpolation_of(interpolation)
        self.antialias = antialias

    def forward(self, img: Any) -> Any:
        """Return the resized image."""
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def extra_repr(self) -> str:
        """Return the arguments."""
        mode = self.interpolation.value
        return f"size={self.size}, interpolation={mode}, max_size={self.max_size}, antialias={self.antialias}"


class CenterCrop(nn.Module):
    """The middle of an image; what a smaller one lacks is black.

    Args:
        size: In pixels: of a square, or (height, width).
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = tuple(pair(size))

    def forward(self, img: Any) -> Any:
        """Return the middle."""
        return F.center_crop(img, self.size)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"size={self.size}"


class Pad(nn.Module):
    """An image with a border; arguments as of `functional.pad`."""

    def __init__(self, padding: int | Sequence[int], fill: Fill = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        sides(padding)
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def forward(self, img: Any) -> Any:
        """Return the image in its border."""
        return F.pad(img, self.padding, self.fill, self.padding_mode)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"padding={self.padding}, fill={self.fill}, padding_mode={self.padding_mode}"


class Grayscale(nn.Module):
    """An image without its colours.

    Args:
        num_output_channels: 1, or 3 for three that are the same.
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img: Any) -> Any:
        """Return the grey image."""
        return F.rgb_to_grayscale(img, self.num_output_channels)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"num_output_channels={self.num_output_channels}"
