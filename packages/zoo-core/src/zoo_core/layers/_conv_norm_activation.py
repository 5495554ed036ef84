"""Convolution, normalisation, activation."""

from collections.abc import Callable

from torch import nn


class ConvNormActivation(nn.Sequential):
    """A convolution, then a normalisation, then an activation, as layers "0", "1" and "2".

    The padding keeps the size of an input at stride 1 and an odd kernel size.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Of the convolution; one for all dimensions or one each.
        stride: Likewise.
        dilation: Distance between the elements of the kernel.
        groups: Groups of channels that are convolved apart.
        norm_layer: Called with `out_channels`; `None` for no normalisation.
        activation_layer: Called without arguments; `None` for no activation.
        conv_layer: `nn.Conv3d` for video, with a `norm_layer` to match.
        bias: Whether the convolution has a bias; if not given, where no normalisation follows, which would take it away
            again.

    Shape:
        `(N, in_channels, H, W)` to `(N, out_channels, ceil(H / stride), ceil(W / stride))`; in 3d with `T` before `H`.

    Example:
        >>> ConvNormActivation(3, 16, stride=2)(torch.zeros(1, 3, 225, 224)).shape
        torch.Size([1, 16, 113, 112])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...] = 3,
        stride: int | tuple[int, ...] = 1,
        *,
        dilation: int = 1,
        groups: int = 1,
        norm_layer: Callable[[int], nn.Module] | None = nn.BatchNorm2d,
        activation_layer: Callable[[], nn.Module] | None = nn.ReLU,
        conv_layer: Callable[..., nn.Module] = nn.Conv2d,
        bias: bool | None = None,
    ) -> None:
        convolution = conv_layer(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=_same_padding(kernel_size, dilation),
            dilation=dilation,
            groups=groups,
            bias=norm_layer is None if bias is None else bias,
        )
        layers = [convolution]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer())
        super().__init__(*layers)
        self.out_channels = out_channels


def _same_padding(kernel_size: int | tuple[int, ...], dilation: int) -> int | tuple[int, ...]:
    if isinstance(kernel_size, int):
        return (kernel_size - 1) // 2 * dilation
    return tuple((size - 1) // 2 * dilation for size in kernel_size)
