"""An image with what is true of it, and the three changes of geometry that all others are made of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, kw_only=True)
class Scene:
    """An image and what is true of it. Every change returns a new scene.

    Args:
        image: uint8 `(C, H, W)`; or the frames of a clip, `(T, C, H, W)`.
        boxes: `(N, 4)`, as `(x1, y1, x2, y2)` in pixels.
        labels: `(N,)`, the class of each box.
        masks: uint8 `(N, H, W)`, 1 where an object is.
        keypoints: `(N, K, 3)`, as `(x, y, visibility)`, with visibility 0 for those that are not there.
        label_map: uint8 `(H, W)`.
        pairs: For each keypoint the place of the one that it becomes in a mirror: left and right.

    Example:
        >>> import torch
        >>> from zoo_training.augmentation import Scene
        >>> scene = Scene(image=torch.zeros(3, 4, 6, dtype=torch.uint8), boxes=torch.tensor([[0.0, 0, 2, 2]]))
        >>> scene.flip().boxes
        tensor([[4., 0., 6., 2.]])
    """

    image: Tensor
    boxes: Tensor | None = None
    labels: Tensor | None = None
    masks: Tensor | None = None
    keypoints: Tensor | None = None
    label_map: Tensor | None = None
    pairs: Sequence[int] | None = None

    @property
    def height(self) -> int:
        """Of the image, in pixels."""
        return self.image.shape[-2]

    @property
    def width(self) -> int:
        """Of the image, in pixels."""
        return self.image.shape[-1]

    def flip(self) -> Self:
        """Mirror the scene, left to right."""
        boxes, keypoints = self.boxes, self.keypoints
        if boxes is not None:
            boxes = torch.stack((self.width - boxes[:, 2], boxes[:, 1], self.width - boxes[:, 0], boxes[:, 3]), dim=1)
        if keypoints is not None:
            keypoints = keypoints.clone()
            keypoints[..., 0] = torch.where(keypoints[..., 2] > 0, self.width - keypoints[..., 0], keypoints[..., 0])
            if self.pairs is not None:
                keypoints = keypoints[:, list(self.pairs)]
        return replace(
            self,
            image=self.image.flip(-1),
            boxes=boxes,
            masks=None if self.masks is None else self.masks.flip(-1),
            keypoints=keypoints,
            label_map=None if self.label_map is None else self.label_map.flip(-1),
        )

    def crop(self, top: int, left: int, height: int, width: int) -> Self:
        """Cut out a rectangle, which may go beyond the scene: there it is black, and of the class 255 (not counted).

        Objects of which nothing is left go. Keypoints outside are not visible any more.
        """
        inside = _padded(self.image, top, left, height, width, 0)
        boxes, keypoints = self.boxes, self.keypoints
        cut = replace(
            self,
            image=inside,
            masks=None if self.masks is None else _padded(self.masks, top, left, height, width, 0),
            label_map=None if self.label_map is None else _padded(self.label_map, top, left, height, width, 255),
        )
        offset = torch.tensor([left, top, left, top], dtype=torch.float32)
        if keypoints is not None:
            moved = keypoints.clone()
            moved[..., :2] -= offset[:2]
            visible = (moved[..., 0] >= 0) & (moved[..., 1] >= 0) & (moved[..., 0] < width) & (moved[..., 1] < height)
            keypoints = torch.where((visible & (moved[..., 2] > 0))[..., None], moved, torch.zeros_like(moved))
        if boxes is None:
            return replace(cut, keypoints=keypoints)
        limits = torch.tensor([width, height, width, height], dtype=torch.float32)
        boxes = torch.minimum((boxes - offset).clamp(min=0), limits)
        left_over = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        return replace(cut, boxes=boxes, keypoints=keypoints).chosen(left_over)

    def resize(self, height: int, width: int) -> Self:
        """Scale the scene to a size in pixels: the image smoothly, masks and label maps by their nearest pixel."""
        if (height, width) == (self.height, self.width):
            return self
        factors = torch.tensor([width / self.width, height / self.height])
        keypoints = self.keypoints
        if keypoints is not None:
            keypoints = keypoints.clone()
            keypoints[..., :2] *= factors
        return replace(
            self,
            image=_smooth(self.image, height, width),
            boxes=None if self.boxes is None else self.boxes * factors.repeat(2),
            masks=None if self.masks is None else _nearest(self.masks, height, width),
            keypoints=keypoints,
            label_map=None if self.label_map is None else _nearest(self.label_map[None], height, width)[0],
        )

    def chosen(self, which: Tensor) -> Self:
        """Return the scene with some of its objects alone: booleans `(N,)`."""
        return replace(
            self,
            boxes=None if self.boxes is None else self.boxes[which],
            labels=None if self.labels is None else self.labels[which],
            masks=None if self.masks is None else self.masks[which],
            keypoints=None if self.keypoints is None else self.keypoints[which],
        )


def _padded(image: Tensor, top: int, left: int, height: int, width: int, value: int) -> Tensor:
    """Return a rectangle of an image `(…, H, W)`, with a value where it goes beyond."""
    own_height, own_width = image.shape[-2:]
    inner = image[..., max(top, 0) : top + height, max(left, 0) : left + width]
    missing = (
        max(-left, 0),
        max(left + width - own_width, 0),
        max(-top, 0),
        max(top + height - own_height, 0),
    )
    return F.pad(inner, missing, value=value) if any(missing) else inner


def _smooth(image: Tensor, height: int, width: int) -> Tensor:
    """Resize an image of bytes, with antialiasing; kept in bytes, which is faster than in floating point."""
    batch = image if image.ndim == 4 else image[None]
    resized = F.interpolate(batch, size=(height, width), mode="bilinear", antialias=True)
    return resized if image.ndim == 4 else resized[0]


def _nearest(maps: Tensor, height: int, width: int) -> Tensor:
    if not len(maps):  # which torch does not scale
        return maps.new_zeros((0, height, width))
    return F.interpolate(maps[None], size=(height, width), mode="nearest-exact")[0]
