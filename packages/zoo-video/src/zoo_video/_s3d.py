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

from zoo_core.building import ClassificationNetwork, builder
from zoo_core.layers import ConvNormActivation, require_positive

from ._clips import require_clips
from .catalogue.s3d import S3D_Weights

_UNIT = partial(ConvNormActivation, conv_layer=nn.Conv3d, activation_layer=partial(nn.ReLU, inplace=True))


class MaxPool3d(nn.MaxPool3d):
    """Pools maxima, with the channels last in memory: that is several times as fast on CPUs.

    Arguments and shapes are those of `nn.MaxPool3d`, but for `return_indices`.
    """

    def forward(self, x: Tensor) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last_3d)
        return F.max_pool3d(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)


class TemporalSeparableConv(nn.Sequential):
    """A convolution of each frame, then one over time, each with normalisation and ReLU (section 3.3).

    `kernel_size`, `stride` and `padding` are those of both convolutions.

    Shape:
        `(N, in_planes, T, H, W)` to `(N, out_planes, T / stride, H / stride, W / stride)`, rounded up, for a `padding`
        of half an odd `kernel_size`, rounded down.
    """

    def __init__(
        self,
        in_planes: int,
        out_planes: int,
        kernel_size: int,
        stride: int,
        padding: int,
        norm_layer: Callable[..., nn.Module],
    ) -> None:
        unit = partial(_UNIT, norm_layer=norm_layer)
        space, time = (1, kernel_size, kernel_size), (kernel_size, 1, 1)
        super().__init__(
            unit(in_planes, out_planes, space, (1, stride, stride), padding=(0, padding, padding)),
            unit(out_planes, out_planes, time, (stride, 1, 1), padding=(padding, 0, 0)),
        )


class SepInceptionBlock3D(nn.Module):
    """Four branches side by side (figure 4); `b1_mid` and `b2_mid` are what their 1x1x1 convolutions reduce to.

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
        separable = partial(TemporalSeparableConv, kernel_size=3, stride=1, padding=1, norm_layer=norm_layer)
        self.branch0 = unit(in_planes, b0_out)
        self.branch1 = nn.Sequential(unit(in_planes, b1_mid), separable(b1_mid, b1_out))
        self.branch2 = nn.Sequential(unit(in_planes, b2_mid), separable(b2_mid, b2_out))
        self.branch3 = nn.Sequential(MaxPool3d(3, stride=1, padding=1), unit(in_planes, b3_out))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)], 1)


class S3D(ClassificationNetwork):
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
        >>> import torch
        >>> from zoo_video import S3D
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
            TemporalSeparableConv(3, 64, 7, 2, 3, norm_layer),
            MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            _UNIT(64, 64, 1, norm_layer=norm_layer),
            TemporalSeparableConv(64, 192, 3, 1, 1, norm_layer),
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
        self.num_features, self.num_classes = 1024, num_classes

    def forward(self, x: Tensor) -> Tensor:
        """Score clips `x`, `(N, 3, T, H, W)`, for each class, `(N, num_classes)`."""
        scores: Tensor = self.classifier(self._pool(self._extract(x)))
        return scores.mean(dim=(2, 3, 4))

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        return super().forward_head(features, pre_logits).mean(dim=(2, 3, 4))

    def _extract(self, images: Tensor) -> Tensor:
        require_clips(images, frames=13, height=209, width=209)
        features: Tensor = self.features(images)
        return features

    def _pool(self, features: Tensor) -> Tensor:
        pooled: Tensor = self.avgpool(features)
        return pooled


@builder(S3D_Weights.KINETICS400_V1)
def s3d(**kwargs: Any) -> S3D:
    """S3D (figure 5, without gating)."""
    return S3D(**kwargs)
