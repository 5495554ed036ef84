"""Warping images with a flow."""

import torch
from torch import Tensor
from torch.nn import functional as F


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Fetch for each pixel the one that the flow points at: the second image, warped so, looks like the first.

    Args:
        image: `(N, C, H, W)` or `(C, H, W)`, floating point.
        flow: `(N, 2, H, W)` or `(2, H, W)`, to the right and downwards, in pixels.

    Returns:
        As `image`: what lies at `(x + flow[0], y + flow[1])`, interpolated bilinearly; 0 beyond the image.

    Raises:
        ValueError: The shapes do not match.
        TypeError: The image is not floating point.

    Example:
        >>> import torch
        >>> from zoo_flow.warping import warp
        >>> image = torch.tensor([[[1.0, 2.0, 4.0]]])
        >>> warp(image, torch.tensor([0.5, 0.0]).view(2, 1, 1).expand(2, 1, 3))
        tensor([[[1.5000, 3.0000, 2.0000]]])
    """
    if image.ndim not in {3, 4} or flow.shape != (*image.shape[:-3], 2, *image.shape[-2:]):
        raise ValueError(
            "image and flow should have shapes (N, C, H, W) and (N, 2, H, W), or these without N, found "
            f"{list(image.shape)} and {list(flow.shape)}"
        )
    if not image.is_floating_point():
        raise TypeError(f"image should be floating point, found {image.dtype}: `zoo_core.transforms.to_float` converts")
    if image.ndim == 3:
        return warp(image[None], flow[None])[0]
    height, width = image.shape[-2:]
    wide = torch.promote_types(image.dtype, torch.float32)  # half precision has no places between far pixels
    flow = flow.to(wide)
    points = torch.stack([_scaled(flow[:, 0], width, 1), _scaled(flow[:, 1], height, 0)], dim=-1)
    warped = F.grid_sample(image.to(wide), points, mode="bilinear", padding_mode="zeros", align_corners=False)
    return warped.to(image.dtype)


def _scaled(flow: Tensor, size: int, axis: int) -> Tensor:
    """Return where pixels go along one axis, in the coordinates of `grid_sample`: edges of the image at -1 and 1."""
    pixels = torch.arange(size, device=flow.device, dtype=flow.dtype)
    return (2 * (flow + (pixels if axis else pixels[:, None])) + 1) / size - 1
