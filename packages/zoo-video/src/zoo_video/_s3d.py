"""S3D: Inception with separate convolutions of space and time.

Saining Xie, Chen Sun, Jonathan Huang, Zhuowen Tu, Kevin Murphy: Rethinking Spatiotemporal Feature Learning:
Speed-Accuracy Trade-offs in Video Classification, 2017, arXiv:1712.04851.

Shapes: N clips of T frames, H x W pixels or features.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo_core.building import build, builder
from zoo_core.layers import ConvNormActivation, require_positive

from ._clips import require_clips
from .catalogue.s3d import S3D_Weights

_UNIT = partial(ConvNormActivation, conv_layer=nn.Conv3d, activation_layer=partial(nn.ReLU, inplace=True))


class MaxPool3d(nn.MaxPool3d):
    """Pools maxima, with the channels last in memory: that is several times as fast on CPUs.

    Arguments and shapes are those of `nn.MaxPool3d`, but for `return_indices`.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Pool `x`, `(N, C, T, H, W)`."""
        x = x.contiguous(memory_format=torch.channels_last_3d)
        return F.max_pool3d(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)


class TemporalSeparableConv(nn.Sequential):
    """A convolution of each frame, then one over time, each with normalisation and ReLU (section 3.3).

    Args:
        in_planes: Channels of the input.
        out_planes: Channels of both convolutions, and of the output.
        kernel_size: Of both convolutions, odd.
        stride: Likewise.
        norm_layer: Called with a number of channels.

    Shape:
        `(N, in_planes, T, H, W)` to `(N, out_planes, T / stride, H / stride, W / stride)`, rounded up.
    """

    def __init__(
        self, in_planes: int, out_planes: int, kernel_size: int, stride: int, norm_layer: Callable[..., nn.Module]
    ) -> None:
        super().__init__(
            _UNIT(in_planes, out_planes, (1, kernel_size, kernel_size), (1, stride, stride), norm_layer=norm_layer),
            _UNIT(out_planes, out_planes, (kernel_size, 1, 1), (stride, 1, 1), norm_layer=norm_layer),
        )


class SepInceptionBlock3D(nn.Module):
    """Four branches side by side (figure 4).

    Args:
        in_planes: Channels of the input.
        b0_out: Channels of the branch of one 1x1x1 convolution.
        b1_mid: Channels that the second branch's 1x1x1 convolution reduces to.
        b1_out: Channels of the second branch.
        b2_mid: Channels that the third branch's 1x1x1 convolution reduces to.
        b2_out: Channels of the third branch.
        b3_out: Channels of the branch of a pooling and a 1x1x1 convolution.
        norm_layer: Called with a number of channels.

    Shape:
        `(N, in_planes, T, H, W)` to `(N, b0_out + b1_out + b2_out + b3_out, T, H, W)`.
    """

    def __init__(
        self,
        in_planes: int,
        b0_out: int,
        b1_mid: int,
        b1_out: int,
        b2_mid: int,
        b2_out: int,
        b3_out: int,
        norm_layer: Callable[..., nn.Module],
    ) -> None:
        super().__init__()
        unit = partial(_UNIT, kernel_size=1, norm_layer=norm_layer)
        separable = partial(TemporalSeparableConv, kernel_size=3, stride=1, norm_layer=norm_layer)
        self.branch0 = unit(in_planes, b0_out)
        self.branch1 = nn.Sequential(unit(in_planes, b1_mid), separable(b1_mid, b1_out))
        self.branch2 = nn.Sequential(unit(in_planes, b2_mid), separable(b2_mid, b2_out))
        self.branch3 = nn.Sequential(MaxPool3d(3, stride=1, padding=1), unit(in_planes, b3_out))

    def forward(self, x: Tensor) -> Tensor:
        """Transform `x`, `(N, in_planes, T, H, W)`."""
        return torch.cat([self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)], 1)


class S3D(nn.Module):
    """An S3D (figure 5, without gating).

    Args:
        num_classes: Width of the classifier.
        dropout: Probability that a feature is dropped in training.
        norm_layer: Called with a number of channels; batch norm with eps 0.001 and momentum 0.001 if not given.

    Shape:
        Clips `(N, 3, T, H, W)`, of 13 frames of 209 x 209 pixels or more, to scores `(N, num_classes)`.

    Raises:
        ValueError: `num_classes` is not positive, or the clips are smaller.

    Example:
        >>> S3D(num_classes=10)(torch.zeros(1, 3, 13, 209, 209)).shape
        torch.Size([1, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("classifier.1",)

    def __init__(
        self, num_classes: int = 400, dropout: float = 0.2, norm_layer: Callable[..., nn.Module] | None = None
    ) -> None:
        super().__init__()
        require_positive(num_classes=num_classes)
        norm_layer = norm_layer or partial(nn.BatchNorm3d, eps=0.001, momentum=0.001)
        block = partial(SepInceptionBlock3D, norm_layer=norm_layer)
        self.features = nn.Sequential(
            TemporalSeparableConv(3, 64, 7, 2, norm_layer),
            MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            _UNIT(64, 64, 1, norm_layer=norm_layer),
            TemporalSeparableConv(64, 192, 3, 1, norm_layer),
            MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            block(192, 64, 96, 128, 16, 32, 32),
            block(256, 128, 128, 192, 32, 96, 64),
            MaxPool3d(3, 2, 1),
            block(480, 192, 96, 208, 16, 48, 64),
            block(512, 160, 112, 224, 24, 64, 64),
            block(512, 128, 128, 256, 24, 64, 64),
            block(512, 112, 144, 288, 32, 64, 64),
            block(528, 256, 160, 320, 32, 128, 128),
            MaxPool3d(2, 2),
            block(832, 256, 160, 320, 32, 128, 128),
            block(832, 384, 192, 384, 48, 128, 128),
        )
        self.avgpool = nn.AvgPool3d((2, 7, 7), stride=1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Conv3d(1024, num_classes, 1))

    def forward(self, clips: Tensor) -> Tensor:
        """Score clips, `(N, 3, T, H, W)`, for each class, `(N, num_classes)`."""
        require_clips(clips, frames=13, height=209, width=209)
        scores: Tensor = self.classifier(self.avgpool(self.features(clips)))
        return scores.mean(dim=(2, 3, 4))


@builder(weights=S3D_Weights.KINETICS400_V1)
def s3d(*, weights: S3D_Weights | str | None = None, progress: bool = True, **kwargs: Any) -> S3D:
    """S3D (figure 5, without gating).

    Args:
        weights: A member of `S3D_Weights` or its name; `None` to initialise at random.
        progress: Show a bar while downloading.
        **kwargs: Passed on to `S3D`.

    Example:
        >>> s3d(num_classes=10)(torch.zeros(1, 3, 13, 209, 209)).shape
        torch.Size([1, 10])
    """
    return build(S3D, weights=weights, progress=progress, **kwargs)
