"""Convolution, normalisation, activation."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat

from torch import nn


class ConvNormActivation(nn.Sequential):
    """A convolution, then a normalisation, then an activation, as layers "0", "1" and "2".

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Of the convolution; one for all dimensions or one each.
        stride: Likewise.
        padding: Likewise, or `"same"` or `"valid"`; if not given, what keeps the size of an input at stride 1 and an
            odd kernel size.
        groups: Groups of channels that are convolved apart.
        norm_layer: Called with `out_channels`; `None` for no normalisation.
        activation_layer: Called without arguments; `None` for no activation.
        dilation: Distance between the elements of the kernel; one for all dimensions or one each.
        inplace: What `activation_layer` is called with as `inplace=`; `None` for nothing.
        bias: Whether the convolution has a bias; if not given, where no normalisation follows, which would take it away
            again.
        conv_layer: `nn.Conv3d` for video, with a `norm_layer` to match.

    Shape:
        `(N, in_channels, H, W)` to `(N, out_channels, ceil(H / stride), ceil(W / stride))`; in 3d with `T` before `H`.

    Example:
        >>> import torch
        >>> from zoo_core.layers import ConvNormActivation
        >>> ConvNormActivation(3, 16, stride=2)(torch.zeros(1, 3, 225, 224)).shape
        torch.Size([1, 16, 113, 112])
    """

    is_one_node = True  # in graphs of zoo_core.features.create_feature_extractor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int] = 3,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | str | None = None,
        groups: int = 1,
        norm_layer: Callable[[int], nn.Module] | None = nn.BatchNorm2d,
        activation_layer: Callable[..., nn.Module] | None = nn.ReLU,
        dilation: int | Sequence[int] = 1,
        inplace: bool | None = None,
        bias: bool | None = None,
        conv_layer: Callable[..., nn.Module] = nn.Conv2d,
    ) -> None:
        convolution = conv_layer(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=_same_padding(kernel_size, dilation) if padding is None else padding,
            dilation=dilation,
            groups=groups,
            bias=norm_layer is None if bias is None else bias,
        )
        layers = [convolution]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer() if inplace is None else activation_layer(inplace=inplace))
        super().__init__(*layers)
        self.out_channels = out_channels


class Conv2dNormActivation(ConvNormActivation):
    """A `ConvNormActivation` of images, with torchvision's arguments: its activation works in place.

    Args:
        in_channels: As for `ConvNormActivation`, and so are the others.
        out_channels: Likewise.
        kernel_size: Likewise.
        stride: Likewise.
        padding: Likewise.
        groups: Likewise.
        norm_layer: Likewise.
        activation_layer: Called with `inplace=`.
        dilation: Likewise.
        inplace: `None` for an activation that takes no such argument, `nn.GELU` say.
        bias: Likewise.

    Example:
        >>> import torch
        >>> from zoo_core.layers import Conv2dNormActivation
        >>> Conv2dNormActivation(3, 16, stride=2)[2]
        ReLU(inplace=True)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int] = 3,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str | None = None,
        groups: int = 1,
        norm_layer: Callable[..., nn.Module] | None = nn.BatchNorm2d,
        activation_layer: Callable[..., nn.Module] | None = nn.ReLU,
        dilation: int | tuple[int, int] = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
    ) -> None:
        build = partial(super().__init__, in_channels, out_channels, kernel_size, stride, padding, groups)
        build(norm_layer, activation_layer, dilation, inplace, bias, nn.Conv2d)


class Conv3dNormActivation(ConvNormActivation):
    """A `ConvNormActivation` of videos, with torchvision's arguments: its activation works in place.

    Arguments are those of `Conv2dNormActivation`, with three numbers where that has two.

    Example:
        >>> import torch
        >>> from zoo_core.layers import Conv3dNormActivation
        >>> Conv3dNormActivation(3, 16, stride=(1, 2, 2))(torch.zeros(1, 3, 4, 9, 8)).shape
        torch.Size([1, 16, 4, 5, 4])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int, int] = 3,
        stride: int | tuple[int, int, int] = 1,
        padding: int | tuple[int, int, int] | str | None = None,
        groups: int = 1,
        norm_layer: Callable[..., nn.Module] | None = nn.BatchNorm3d,
        activation_layer: Callable[..., nn.Module] | None = nn.ReLU,
        dilation: int | tuple[int, int, int] = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
    ) -> None:
        build = partial(super().__init__, in_channels, out_channels, kernel_size, stride, padding, groups)
        build(norm_layer, activation_layer, dilation, inplace, bias, nn.Conv3d)


def _same_padding(kernel_size: int | Sequence[int], dilation: int | Sequence[int]) -> int | tuple[int, ...]:
    if isinstance(kernel_size, int) and isinstance(dilation, int):
        return (kernel_size - 1) // 2 * dilation
    sizes = repeat(kernel_size) if isinstance(kernel_size, int) else kernel_size
    dilations = repeat(dilation) if isinstance(dilation, int) else dilation
    return tuple((size - 1) // 2 * step for size, step in zip(sizes, dilations, strict=False))
