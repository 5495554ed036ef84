"""The encoders of RAFT.

Zachary Teed, Jia Deng: RAFT: Recurrent All-Pairs Field Transforms for Optical Flow, 2020, arXiv:2003.12039:
section 3.1; layers in its figures 9 (large) and 10 (small) of the appendix.
"""

from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor, nn

from zoo_core.layers import ConvNormActivation

NormLayer = Callable[[int], nn.Module] | None
_UNIT = partial(ConvNormActivation, activation_layer=partial(nn.ReLU, inplace=True), bias=True)


def instance_norm(channels: int) -> nn.Module:
    """Build the instance norm of the paper, without parameters.

    It is a group norm of one channel a group, which PyTorch computes several times faster on CPUs.
    """
    return nn.GroupNorm(channels, channels, affine=False)


class ResidualBlock(nn.Module):
    """Two convolutions of 3 x 3 beside a shortcut.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Of the first convolution; above 1 the shortcut is convolved, too.
        norm_layer: Called with a number of channels; `None` for no normalisation.
        always_project: Convolve the shortcut whatever the stride is.

    Shape:
        `(N, in_channels, H, W)` to `(N, out_channels, ceil(H / stride), ceil(W / stride))`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        norm_layer: NormLayer = None,
        always_project: bool = False,
    ) -> None:
        super().__init__()
        unit = partial(_UNIT, norm_layer=norm_layer)
        self.convnormrelu1 = unit(in_channels, out_channels, 3, stride)
        self.convnormrelu2 = unit(out_channels, out_channels, 3)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or always_project:
            self.downsample = unit(in_channels, out_channels, 1, stride, activation_layer=None)

    def forward(self, x: Tensor) -> Tensor:
        """Transform `x`, `(N, in_channels, H, W)`."""
        residual = self.convnormrelu2(self.convnormrelu1(x))
        output: Tensor = self.downsample(x) + residual
        return output.relu_()


class BottleneckBlock(nn.Module):
    """A convolution of 3 x 3 on a quarter of the channels, between two of 1 x 1, beside a shortcut.

    Arguments and shapes are those of `ResidualBlock`, but for `always_project`; `stride` is that of the convolution of
    3 x 3.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1, norm_layer: NormLayer = None) -> None:
        super().__init__()
        unit = partial(_UNIT, norm_layer=norm_layer)
        self.convnormrelu1 = unit(in_channels, out_channels // 4, 1)
        self.convnormrelu2 = unit(out_channels // 4, out_channels // 4, 3, stride)
        self.convnormrelu3 = unit(out_channels // 4, out_channels, 1)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1:
            self.downsample = unit(in_channels, out_channels, 1, stride, activation_layer=None)

    def forward(self, x: Tensor) -> Tensor:
        """Transform `x`, `(N, in_channels, H, W)`."""
        residual = self.convnormrelu3(self.convnormrelu2(self.convnormrelu1(x)))
        output: Tensor = self.downsample(x) + residual
        return output.relu_()


class FeatureEncoder(nn.Module):
    """Encodes images at an eighth of their resolution; the context encoder is one, too.

    Args:
        block: Builds a block from its channels in and out, `stride` and `norm_layer`.
        layers: Channels of the first convolution, of the three stages, and of the output.
        strides: Of the first convolution and the three stages.
        norm_layer: Called with a number of channels; `None` for no normalisation.

    Shape:
        Images `(N, 3, H, W)` to features `(N, layers[-1], H / 8, W / 8)`, for the strides of the paper.

    Raises:
        ValueError: There are not 5 numbers of channels and 4 strides.

    Example:
        >>> import torch
        >>> from zoo_flow import FeatureEncoder
        >>> FeatureEncoder(layers=(32, 32, 64, 96, 128))(torch.zeros(1, 3, 64, 96)).shape
        torch.Size([1, 128, 8, 12])
    """

    def __init__(
        self,
        *,
        block: Callable[..., nn.Module] = ResidualBlock,
        layers: Sequence[int] = (64, 64, 96, 128, 256),
        strides: Sequence[int] = (2, 1, 2, 2),
        norm_layer: NormLayer = instance_norm,
    ) -> None:
        super().__init__()
        if len(layers) != 5 or len(strides) != 4:
            raise ValueError(
                f"layers should be 5 numbers of channels and strides 4 numbers, found {len(layers)} and {len(strides)}"
            )
        block = partial(block, norm_layer=norm_layer)
        self.convnormrelu = _UNIT(3, layers[0], 7, strides[0], norm_layer=norm_layer)
        self.layer1 = _stage(block, layers[0], layers[1], strides[1])
        self.layer2 = _stage(block, layers[1], layers[2], strides[2])
        self.layer3 = _stage(block, layers[2], layers[3], strides[3])
        self.conv = nn.Conv2d(layers[3], layers[4], 1)
        self.output_dim = layers[4]
        self.downsample_factor = strides[0] * strides[1] * strides[2] * strides[3]
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Encode images `x`, `(N, 3, H, W)`."""
        features: Tensor = self.conv(self.layer3(self.layer2(self.layer1(self.convnormrelu(x)))))
        return features


def _stage(block: Callable[..., nn.Module], in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(block(in_channels, out_channels, stride=stride), block(out_channels, out_channels, stride=1))


def _initialise(module: nn.Module) -> None:
    """As residual networks are, but for biases."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
