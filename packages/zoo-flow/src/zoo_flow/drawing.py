"""Flow as colours: the hue says where pixels move to, the saturation how far.

Simon Baker, Daniel Scharstein, J. P. Lewis, Stefan Roth, Michael J. Black, Richard Szeliski: A Database and Evaluation
Methodology for Optical Flow, International Journal of Computer Vision 92, 2011: the colours of the Middlebury
benchmark.
"""

import math

import torch
from torch import Tensor

from zoo_core.devices import to_double

_TRANSITIONS = (
    ((1, 0, 0), (1, 1, 0), 15),
    ((1, 1, 0), (0, 1, 0), 6),
    ((0, 1, 0), (0, 1, 1), 4),
    ((0, 1, 1), (0, 0, 1), 11),
    ((0, 0, 1), (1, 0, 1), 13),
    ((1, 0, 1), (1, 0, 0), 6),
)
"""The wheel: from a colour to the next one, and in how many steps, as many as people can tell apart."""

UNKNOWN = 1e9
"""Flow of this length or more stands for pixels whose flow is not known, as Middlebury's files have them."""


def flow_to_image(flow: Tensor, max_flow: float | None = None) -> Tensor:
    """Colour a flow.

    Args:
        flow: `(..., 2, H, W)`, to the right and downwards, in pixels.
        max_flow: The length that gets the full colour, in pixels; longer flow is darker. `None` for the longest flow
            that is known. Pictures that are to be compared need the same.

    Returns:
        uint8 `(..., 3, H, W)`. Where nothing moves it is white; where flow is NaN or `UNKNOWN` it is black.

    Raises:
        ValueError: The shape is another, or `max_flow` is not positive.

    Example:
        >>> import torch
        >>> from zoo_flow.drawing import flow_to_image
        >>> flow_to_image(torch.tensor([[[0.0, 2.0]], [[0.0, 0.0]]])).permute(1, 2, 0)
        tensor([[[255, 255, 255],
                 [255,   0,   0]]], dtype=torch.uint8)
    """
    if flow.ndim < 3 or flow.shape[-3] != 2:
        raise ValueError(f"flow should have shape (..., 2, H, W), found {list(flow.shape)}")
    if max_flow is not None and not max_flow > 0:
        raise ValueError(f"max_flow should be a positive number of pixels, found {max_flow}")
    x, y = to_double(flow).unbind(-3)
    length = torch.hypot(x, y)
    known = length < UNKNOWN  # false for NaN
    x, y, length = (torch.where(known, values, 0.0) for values in (x, y, length))
    if max_flow is None:
        max_flow = length.max().item() if length.numel() else 0.0
    share = length / (max_flow or 1.0)
    colours = _hue(torch.atan2(-y, -x))
    colours = torch.where(share[..., None] <= 1, 1 - share[..., None] * (1 - colours), 0.75 * colours)
    colours = torch.where(known[..., None], colours, 0.0)
    return (255 * colours).floor().to(torch.uint8).movedim(-1, -3).to(flow.device)


def colour_wheel(side: int = 151) -> Tensor:
    """Draw the legend of flow pictures: the colour at a place is that of the flow from the centre to there.

    Args:
        side: Height and width in pixels, at least 1.

    Returns:
        uint8 `(3, side, side)`, white outside of the circle.

    Example:
        >>> from zoo_flow.drawing import colour_wheel
        >>> colour_wheel(3)[:, 1, 2]
        tensor([255,   0,   0], dtype=torch.uint8)
    """
    if side < 1:
        raise ValueError(f"side should be a positive number of pixels, found {side}")
    offsets = (2 * torch.arange(side) - (side - 1)) / max(side - 1, 1)
    flow = torch.stack([offsets.expand(side, -1), offsets[:, None].expand(-1, side)])
    outside = torch.linalg.vector_norm(flow, dim=0) > 1
    return flow_to_image(torch.where(outside, 0.0, flow), max_flow=1.0)


def _hue(angle: Tensor) -> Tensor:
    """Return colours `(..., 3)` in [0, 1] for angles in [-pi, pi], mixed from the two nearest of the wheel."""
    wheel = _wheel().to(angle.device)
    place = (angle / math.pi + 1) / 2 * (len(wheel) - 1)
    before = place.floor()
    index = before.long()
    fraction = (place - before)[..., None]
    return torch.lerp(wheel[index], wheel[(index + 1) % len(wheel)], fraction)


def _wheel() -> Tensor:
    """Return the 55 colours, `(55, 3)` in [0, 1], in steps of 1/255 as the original."""
    colours = []
    for start, end, steps in _TRANSITIONS:
        share = torch.arange(steps, dtype=torch.float64)[:, None] / steps
        difference = torch.tensor(end, dtype=torch.float64) - torch.tensor(start, dtype=torch.float64)
        change = (255 * share * difference.abs()).floor() / 255
        colours.append(torch.tensor(start, dtype=torch.float64) + difference.sign() * change)
    return torch.cat(colours)
