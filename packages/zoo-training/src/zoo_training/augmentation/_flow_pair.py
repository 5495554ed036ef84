"""Two images with the flow between them, and the changes of geometry that keep the flow true."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo_core.transforms import resize as resize_image

from ._crops import random_offset, random_scale


@dataclass(frozen=True, kw_only=True)
class FlowPair:
    """Two images and the flow from the first to the second. Every change returns a new pair.

    Args:
        images: uint8 `(2, 3, H, W)`.
        flow: float32 `(2, H, W)`, to the right and downwards, in pixels.
        valid: Booleans `(H, W)`: the pixels whose flow is known. `None` for all.

    Example:
        >>> import torch
        >>> from zoo_training.augmentation import FlowPair
        >>> flow = torch.tensor([3.0, 1.0]).view(2, 1, 1).expand(2, 4, 6)
        >>> pair = FlowPair(images=torch.zeros(2, 3, 4, 6, dtype=torch.uint8), flow=flow)
        >>> pair.flip().flow[:, 0, 0]
        tensor([-3.,  1.])
    """

    images: Tensor
    flow: Tensor
    valid: Tensor | None = None

    @property
    def height(self) -> int:
        """Of the images, in pixels."""
        return self.images.shape[-2]

    @property
    def width(self) -> int:
        """Of the images, in pixels."""
        return self.images.shape[-1]

    def flip(self) -> Self:
        """Mirror the pair, left to right."""
        return self._mirrored(-1, (-1.0, 1.0))

    def flip_vertically(self) -> Self:
        """Turn the pair upside down, as a mirror of water does."""
        return self._mirrored(-2, (1.0, -1.0))

    def crop(self, top: int, left: int, height: int, width: int) -> Self:
        """Cut out a rectangle within the images. Pixels that move out of it keep their flow."""
        part = (..., slice(top, top + height), slice(left, left + width))
        return replace(
            self,
            images=self.images[part],
            flow=self.flow[part],
            valid=None if self.valid is None else self.valid[part],
        )

    def resize(self, height: int, width: int) -> Self:
        """Scale the pair to a size in pixels, and its flow with it.

        Flow that is known everywhere is interpolated bilinearly; else each pixel has the flow of the nearest one, so
        that nothing comes in of what is not known.
        """
        if (height, width) == (self.height, self.width):
            return self
        factors = torch.tensor([width / self.width, height / self.height])[:, None, None]
        size, valid = (height, width), self.valid
        if valid is None:
            flow = F.interpolate(self.flow[None], size, mode="bilinear", align_corners=False)[0]
        else:
            flow = F.interpolate(self.flow[None], size, mode="nearest-exact")[0]
            valid = F.interpolate(valid[None, None].byte(), size, mode="nearest-exact")[0, 0].bool()
        return replace(self, images=resize_image(self.images, [height, width]), flow=flow * factors, valid=valid)

    def _mirrored(self, axis: int, signs: tuple[float, float]) -> Self:
        return replace(
            self,
            images=self.images.flip(axis),
            flow=self.flow.flip(axis) * torch.tensor(signs)[:, None, None],
            valid=None if self.valid is None else self.valid.flip(axis),
        )


def random_flow_crop(
    pair: FlowPair, size: tuple[int, int], generator: torch.Generator, *, jitter: float = 0.5
) -> FlowPair:
    """Scale a pair by chance, and cut out a part of a fixed size, all of it within the images.

    As in RAFT's own training: Zachary Teed, Jia Deng, 2020, arXiv:2003.12039, section 4.

    Args:
        pair: The images.
        size: `(height, width)` afterwards, in pixels.
        generator: Of the chance.
        jitter: It is scaled by 1 / (1 + jitter) to 1 + jitter, and at least so far that the part fits.

    Example:
        >>> import torch
        >>> from zoo_training.augmentation import FlowPair, random_flow_crop
        >>> pair = FlowPair(images=torch.zeros(2, 3, 40, 60, dtype=torch.uint8), flow=torch.ones(2, 40, 60))
        >>> random_flow_crop(pair, (80, 80), torch.Generator()).flow[:, 0, 0] >= 2
        tensor([True, True])
    """
    scale = random_scale(jitter, generator)
    scale = max(scale, size[0] / pair.height, size[1] / pair.width)
    height = min(pair.height, max(1, round(size[0] / scale)))
    width = min(pair.width, max(1, round(size[1] / scale)))
    top, left = random_offset(pair.height, height, generator), random_offset(pair.width, width, generator)
    return pair.crop(top, left, height, width).resize(*size)
