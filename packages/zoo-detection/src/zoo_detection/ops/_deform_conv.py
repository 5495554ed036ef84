"""Deformable convolution.

Jifeng Dai, Haozhi Qi, Yuwen Xiong, Yi Li, Guodong Zhang, Han Hu, Yichen Wei: Deformable Convolutional Networks, 2017,
arXiv:1703.06211.
Xizhou Zhu, Han Hu, Stephen Lin, Jifeng Dai: Deformable ConvNets v2: More Deformable, Better Results, 2018,
arXiv:1811.11168: its masks.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo_detection.foundation.precision import widen, without_autocast
from zoo_detection.foundation.tracing import is_tracing, traced_as_one

Pair = tuple[int, int]


class ConvolutionError(ValueError, RuntimeError):
    """Tensors that do not make a convolution. PyTorch has a `RuntimeError` for that."""


class Samples(NamedTuple):
    """Where a deformable convolution reads."""

    corners: Tensor
    """`(N, positions, G, kernel positions, 4)`, int64: pixels, counted through a batch of maps."""
    weights: Tensor
    """Likewise: how much each pixel counts."""


@traced_as_one
def deform_conv2d(
    input: Tensor,  # noqa: A002 # the name that users know
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = (1, 1),
    padding: int | Pair = (0, 0),
    dilation: int | Pair = (1, 1),
    mask: Tensor | None = None,
) -> Tensor:
    """Convolve, reading each pixel under the kernel at a place of its own, interpolated bilinearly.

    Around the features there are zeros. Gradients flow to everything.

    Args:
        input: `(N, C, H, W)`, floating point. Half precision is computed in single precision.
        offset: `(N, 2 * G * kh * kw, H', W')`, in pixels: how far each of the kernel's positions is moved, downwards,
            then to the right, for each of G groups of channels.
        weight: `(D, C / groups, kh, kw)`; the number of groups follows.
        bias: `(D,)`.
        stride: Down and to the right, or one number for both.
        padding: Likewise.
        dilation: Likewise.
        mask: `(N, G * kh * kw, H', W')`, what each read value is multiplied by (version 2).

    Returns:
        `(N, D, H', W')`, of the type of `input`.

    Raises:
        ConvolutionError: A shape is another; it is a `ValueError` and a `RuntimeError`.

    Example:
        >>> from zoo_detection.ops import deform_conv2d
        >>> import torch
        >>> image, ones = torch.arange(9.0).reshape(1, 1, 3, 3), torch.ones(1, 1, 1, 1)
        >>> deform_conv2d(image, torch.full((1, 2, 3, 3), 0.5), ones)[0, 0, 0]
        tensor([2.0000, 3.0000, 1.7500])
    """
    stride, padding, dilation = _pair(stride), _pair(padding), _pair(dilation)
    sides = _check(input, offset, weight, bias, mask, stride, padding, dilation)
    samples = _samples(input, offset, mask, _Geometry(tuple(weight.shape[2:]), stride, padding, dilation, sides))
    read = _read(input, samples)  # (N, positions, G, kernel positions, C / G)
    convolved = _convolved(read, widen(weight))
    output = convolved.transpose(1, 2).reshape(input.shape[0], weight.shape[0], *sides)
    if bias is not None:
        output = output + widen(bias).view(-1, 1, 1)
    return output.to(input.dtype).contiguous()


class _Geometry(NamedTuple):
    kernel: tuple[int, ...]
    stride: Pair
    padding: Pair
    dilation: Pair
    sides: Pair
    """Of the output."""


def _samples(features: Tensor, offset: Tensor, mask: Tensor | None, geometry: _Geometry) -> Samples:
    batch, _, height, width = features.shape
    taps, positions = math.prod(geometry.kernel), geometry.sides[0] * geometry.sides[1]
    of_each = offset.shape[1] // (2 * taps)
    moved = widen(offset).reshape(batch, of_each, taps, 2, positions).permute(3, 0, 4, 1, 2)
    y, x = (moved[axis] + _grid(geometry, axis, moved)[None, :, None] for axis in (0, 1))
    (top, of_top, of_bottom), (left, of_left, of_right) = _between(y, height), _between(x, width)
    weights = torch.stack((of_top * of_left, of_top * of_right, of_bottom * of_left, of_bottom * of_right), -1)
    if mask is not None:
        factors = widen(mask).reshape(batch, of_each, taps, positions).permute(0, 3, 1, 2)
        weights = weights * factors.unsqueeze(-1)
    bottom, right = top + 1, left + 1
    rows = torch.stack((top, top, bottom, bottom), -1).clamp(0, max(height - 1, 0))
    columns = torch.stack((left, right, left, right), -1).clamp(0, max(width - 1, 0))
    groups = torch.arange(batch * of_each, device=y.device).view(batch, 1, of_each, 1, 1)
    return Samples((groups * height + rows) * width + columns, weights)


def _grid(geometry: _Geometry, axis: int, like: Tensor) -> Tensor:
    """Return where a convolution reads along an axis, `(positions, kernel positions)`, whatever the other axis does."""
    outputs, taps = geometry.sides[axis], geometry.kernel[axis]
    steps = torch.arange(outputs, device=like.device) * geometry.stride[axis] - geometry.padding[axis]
    inner = torch.arange(taps, device=like.device) * geometry.dilation[axis]
    places = (
        steps[:, None, None, None] + inner[None, None, :, None]
        if axis == 0
        else (steps[None, :, None, None] + inner[None, None, None, :])
    )
    return places.expand(*geometry.sides, *geometry.kernel).flatten(2).flatten(0, 1).to(like.dtype)


def _between(places: Tensor, length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the pixel before each place, int64, and how much it and the next one count; what is not there does not."""
    before = places.detach().floor()
    fraction = places - before
    has_first, has_second = (before >= 0) & (before < length), (before >= -1) & (before < length - 1)
    index = before.where(has_first | has_second, 0.0).long()
    return index, (1 - fraction).where(has_first, 0.0), fraction.where(has_second, 0.0)


def _read(features: Tensor, samples: Samples) -> Tensor:
    """Return what is read, `(N, positions, G, kernel positions, C / G)`."""
    batch, channels, height, width = features.shape
    shape = samples.corners.shape[:-1]
    each = channels // shape[2]
    table = widen(features).reshape(batch, shape[2], each, height * width).transpose(2, 3).reshape(-1, each)
    corners, weights = samples.corners.reshape(-1, 4), samples.weights.reshape(-1, 4)
    if table.shape[0] == 0 or corners.shape[0] == 0:
        return table.new_zeros((*shape, each)) + 0 * (table.sum() + weights.sum())
    if is_tracing():
        parts = [table[corners[:, corner]] * weights[:, corner : corner + 1] for corner in range(4)]
        return sum(parts[1:], parts[0]).view(*shape, each)
    return F.embedding_bag(corners, table, mode="sum", per_sample_weights=weights.to(table.dtype)).view(*shape, each)


@without_autocast
def _convolved(read: Tensor, weight: Tensor) -> Tensor:
    """Return the output, `(N, positions, D)`."""
    batch, positions, _, taps, _ = read.shape
    by_tap = read.transpose(2, 3).flatten(3).flatten(0, 1)  # all channels together
    groups = by_tap.shape[2] // weight.shape[1]
    kernels = weight.reshape(groups, weight.shape[0] // groups, weight.shape[1], taps).permute(0, 3, 2, 1).flatten(1, 2)
    columns = by_tap.reshape(batch * positions, taps, groups, weight.shape[1]).permute(2, 0, 1, 3).flatten(2)
    return torch.bmm(columns, kernels).transpose(0, 1).reshape(batch, positions, weight.shape[0])


def _pair(numbers: int | Pair) -> Pair:
    pair = (numbers, numbers) if isinstance(numbers, int) else tuple(numbers)
    return pair[0], pair[-1]


def _check(
    features: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    mask: Tensor | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
) -> Pair:
    """Return height and width of the output."""
    for name, tensor in (("input", features), ("offset", offset), ("weight", weight), ("mask", mask)):
        if tensor is not None and tensor.ndim != 4:
            raise ConvolutionError(f"{name} should have 4 dimensions, found the shape {tuple(tensor.shape)}")
    if min(*stride, *dilation) < 1 or min(padding) < 0:
        raise ConvolutionError(
            "stride and dilation should be positive, and padding not negative, "
            f"found {stride}, {dilation} and {padding}"
        )
    channels, outputs, (high, wide) = features.shape[1], weight.shape[0], weight.shape[2:]
    if weight.shape[1] < 1 or channels % weight.shape[1] or outputs % (channels // weight.shape[1]):
        raise ConvolutionError(
            f"weight should be of shape (D, {channels} / groups, kh, kw), groups a divisor of D, found "
            f"{tuple(weight.shape)}"
        )
    if bias is not None and bias.shape != (outputs,):
        raise ConvolutionError(f"bias should be of shape ({outputs},), found {tuple(bias.shape)}")
    sides = _output_sides(features, weight, stride, padding, dilation)
    groups = offset.shape[1] // (2 * high * wide)
    if groups < 1 or offset.shape[1] % (2 * high * wide) or channels % groups:
        raise ConvolutionError(
            f"the shape of the offset tensor at dimension 1 is not valid: it should be 2 * G * {high} * {wide} for a "
            f"divisor G of {channels}, found {offset.shape[1]}"
        )
    if mask is not None and mask.shape[1] != groups * high * wide:
        raise ConvolutionError(f"mask.shape[1] is not valid: got {mask.shape[1]}, expected {groups * high * wide}")
    for name, tensor in (("offset", offset), ("mask", mask)):
        if tensor is not None and (tensor.shape[0] != features.shape[0] or tuple(tensor.shape[2:]) != sides):
            raise ConvolutionError(
                f"{name} should be of shape ({features.shape[0]}, {tensor.shape[1]}, {sides[0]}, {sides[1]}), as the "
                f"output, found {tuple(tensor.shape)}"
            )
    return sides


def _output_sides(features: Tensor, weight: Tensor, stride: Pair, padding: Pair, dilation: Pair) -> Pair:
    height, width = (
        (features.shape[2 + axis] + 2 * padding[axis] - dilation[axis] * (weight.shape[2 + axis] - 1) - 1)
        // stride[axis]
        + 1
        for axis in (0, 1)
    )
    if height < 1 or width < 1:
        raise ConvolutionError(
            f"Calculated output size too small: the kernel does not fit into {tuple(features.shape[2:])} pixels and "
            f"padding {padding}"
        )
    return height, width


class DeformConv2d(nn.Module):
    """A deformable convolution; what it reads where is an input.

    Args:
        in_channels: Channels of the input, C.
        out_channels: Channels of the output, D.
        kernel_size: Height and width of the kernel, or one number for both.
        stride: As for `deform_conv2d`.
        padding: Likewise.
        dilation: Likewise.
        groups: Groups of channels that are convolved apart.
        bias: Whether it has a bias.

    Shape:
        `(N, C, H, W)`, offsets and a mask, as for `deform_conv2d`, to `(N, D, H', W')`.

    Raises:
        ValueError: `groups` does not divide the channels.

    Example:
        >>> from zoo_detection.ops import DeformConv2d
        >>> import torch
        >>> DeformConv2d(4, 8, 3, padding=1)(torch.zeros(1, 4, 9, 9), torch.zeros(1, 18, 9, 9)).shape
        torch.Size([1, 8, 9, 9])
    """

    is_one_node = True  # in graphs of zoo_core.features.create_feature_extractor

    bias: nn.Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = _pair(kernel_size)
        self.stride = _pair(stride)
        self.padding = _pair(padding)
        self.dilation = _pair(dilation)
        self.groups = groups
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels // groups, *self.kernel_size))
        self.register_parameter("bias", nn.Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise the layer as PyTorch's convolutions are."""
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(math.prod(self.weight.shape[1:]))
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor, offset: Tensor, mask: Tensor | None = None) -> Tensor:  # noqa: A002 # as users know
        """Convolve features, `(N, C, H, W)`."""
        return deform_conv2d(
            input,
            offset,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            mask=mask,
        )

    def extra_repr(self) -> str:
        """Name the arguments."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding={self.padding}, dilation={self.dilation}, groups={self.groups}, bias={self.bias is not None}"
        )
