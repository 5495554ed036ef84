"""Inception v3.

Christian Szegedy, Vincent Vanhoucke, Sergey Ioffe, Jonathon Shlens, Zbigniew Wojna: Rethinking the Inception
Architecture for Computer Vision, 2015, arXiv:1512.00567.

Names of layers are those of the authors' own code for TensorFlow, where the weights come from.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo_core import WeightsEnum
from zoo_core.building import ClassificationNetwork, builder
from zoo_core.layers import require_positive, trunc_normal_

from ._googlenet import BasicConv2d, Branches, prepare, with_defaults
from .catalogue.inception import Inception_V3_Weights

_Unit = Callable[..., nn.Module]


class InceptionOutputs(NamedTuple):
    """Scores of an Inception v3 with an auxiliary classifier in training, `(N, num_classes)` each."""

    logits: Tensor
    aux_logits: Tensor | None


class InceptionA(Branches):
    """Branches of 1x1, 5x5, two 3x3 convolutions, and pooling (figure 5, the 5x5 kept in one branch).

    Shape:
        `(N, in_channels, H, W)` to `(N, 224 + pool_features, H, W)`.
    """

    def __init__(self, in_channels: int, pool_features: int, conv_block: _Unit | None = None) -> None:
        super().__init__()
        unit = conv_block or BasicConv2d
        self.branch1x1 = unit(in_channels, 64, kernel_size=1)
        self.branch5x5_1 = unit(in_channels, 48, kernel_size=1)
        self.branch5x5_2 = unit(48, 64, kernel_size=5, padding=2)
        self.branch3x3dbl_1 = unit(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = unit(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = unit(96, 96, kernel_size=3, padding=1)
        self.branch_pool = unit(in_channels, pool_features, kernel_size=1)

    def branches(self, x: Tensor) -> list[Tensor]:
        branch5x5 = self.branch5x5_2(self.branch5x5_1(x))
        branch3x3dbl = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        branch_pool = self.branch_pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1))
        return [self.branch1x1(x), branch5x5, branch3x3dbl, branch_pool]


class InceptionB(Branches):
    """Halves the resolution without a bottleneck (figure 10), with 3x3 convolutions.

    Shape:
        `(N, in_channels, H, W)` to `(N, 480 + in_channels, (H - 1) // 2, (W - 1) // 2)`.
    """

    def __init__(self, in_channels: int, conv_block: _Unit | None = None) -> None:
        super().__init__()
        unit = conv_block or BasicConv2d
        self.branch3x3 = unit(in_channels, 384, kernel_size=3, stride=2)
        self.branch3x3dbl_1 = unit(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = unit(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = unit(96, 96, kernel_size=3, stride=2)

    def branches(self, x: Tensor) -> list[Tensor]:
        branch3x3dbl = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return [self.branch3x3(x), branch3x3dbl, F.max_pool2d(x, kernel_size=3, stride=2)]


class InceptionC(Branches):
    """Branches with 7x7 convolutions, factorised into 1x7 and 7x1 (figure 6), `channels_7x7` between them.

    Shape:
        `(N, in_channels, H, W)` to `(N, 768, H, W)`.
    """

    def __init__(self, in_channels: int, channels_7x7: int, conv_block: _Unit | None = None) -> None:
        super().__init__()
        unit, c7 = conv_block or BasicConv2d, channels_7x7
        self.branch1x1 = unit(in_channels, 192, kernel_size=1)
        self.branch7x7_1 = unit(in_channels, c7, kernel_size=1)
        self.branch7x7_2 = unit(c7, c7, kernel_size=(1, 7), padding=(0, 3))
        self.branch7x7_3 = unit(c7, 192, kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7dbl_1 = unit(in_channels, c7, kernel_size=1)
        self.branch7x7dbl_2 = unit(c7, c7, kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7dbl_3 = unit(c7, c7, kernel_size=(1, 7), padding=(0, 3))
        self.branch7x7dbl_4 = unit(c7, c7, kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7dbl_5 = unit(c7, 192, kernel_size=(1, 7), padding=(0, 3))
        self.branch_pool = unit(in_channels, 192, kernel_size=1)

    def branches(self, x: Tensor) -> list[Tensor]:
        branch7x7 = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        branch7x7dbl = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        branch7x7dbl = self.branch7x7dbl_5(self.branch7x7dbl_4(branch7x7dbl))
        branch_pool = self.branch_pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1))
        return [self.branch1x1(x), branch7x7, branch7x7dbl, branch_pool]


class InceptionD(Branches):
    """Halves the resolution without a bottleneck (figure 10), with factorised 7x7 convolutions.

    Shape:
        `(N, in_channels, H, W)` to `(N, 512 + in_channels, (H - 1) // 2, (W - 1) // 2)`.
    """

    def __init__(self, in_channels: int, conv_block: _Unit | None = None) -> None:
        super().__init__()
        unit = conv_block or BasicConv2d
        self.branch3x3_1 = unit(in_channels, 192, kernel_size=1)
        self.branch3x3_2 = unit(192, 320, kernel_size=3, stride=2)
        self.branch7x7x3_1 = unit(in_channels, 192, kernel_size=1)
        self.branch7x7x3_2 = unit(192, 192, kernel_size=(1, 7), padding=(0, 3))
        self.branch7x7x3_3 = unit(192, 192, kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7x3_4 = unit(192, 192, kernel_size=3, stride=2)

    def branches(self, x: Tensor) -> list[Tensor]:
        branch3x3 = self.branch3x3_2(self.branch3x3_1(x))
        branch7x7x3 = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return [branch3x3, self.branch7x7x3_4(branch7x7x3), F.max_pool2d(x, kernel_size=3, stride=2)]


class InceptionE(Branches):
    """Branches that end in 1x3 and 3x1 convolutions side by side (figure 7), for the coarsest maps.

    Shape:
        `(N, in_channels, H, W)` to `(N, 2048, H, W)`.
    """

    def __init__(self, in_channels: int, conv_block: _Unit | None = None) -> None:
        super().__init__()
        unit = conv_block or BasicConv2d
        self.branch1x1 = unit(in_channels, 320, kernel_size=1)
        self.branch3x3_1 = unit(in_channels, 384, kernel_size=1)
        self.branch3x3_2a = unit(384, 384, kernel_size=(1, 3), padding=(0, 1))
        self.branch3x3_2b = unit(384, 384, kernel_size=(3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = unit(in_channels, 448, kernel_size=1)
        self.branch3x3dbl_2 = unit(448, 384, kernel_size=3, padding=1)
        self.branch3x3dbl_3a = unit(384, 384, kernel_size=(1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = unit(384, 384, kernel_size=(3, 1), padding=(1, 0))
        self.branch_pool = unit(in_channels, 192, kernel_size=1)

    def branches(self, x: Tensor) -> list[Tensor]:
        branch3x3 = self.branch3x3_1(x)
        branch3x3dbl = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        return [
            self.branch1x1(x),
            self.branch3x3_2a(branch3x3),
            self.branch3x3_2b(branch3x3),
            self.branch3x3dbl_3a(branch3x3dbl),
            self.branch3x3dbl_3b(branch3x3dbl),
            self.branch_pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1)),
        ]


class InceptionAux(nn.Module):
    """An auxiliary classifier, which regularises (section 4, figure 8).

    Shape:
        `(N, in_channels, H, W)` with height and width 17 or more to `(N, num_classes)`.
    """

    def __init__(self, in_channels: int, num_classes: int, conv_block: _Unit | None = None) -> None:
        super().__init__()
        unit = conv_block or BasicConv2d
        self.conv0 = unit(in_channels, 128, kernel_size=1)
        self.conv1 = unit(128, 768, kernel_size=5)
        self.fc = nn.Linear(768, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        features = self.conv1(self.conv0(F.avg_pool2d(x, kernel_size=5, stride=3)))
        scores: Tensor = self.fc(torch.flatten(F.adaptive_avg_pool2d(features, 1), 1))
        return scores


class Inception3(ClassificationNetwork):
    """An Inception v3 (table 1).

    Args:
        num_classes: Width of the classifiers.
        aux_logits: Whether there is an auxiliary classifier, for training.
        transform_input: Change images that are normalised for ImageNet to the range [-1, 1], which some weights want.
        inception_blocks: Build a convolution, the inception modules A to E, and an auxiliary classifier, in place of
            `BasicConv2d`, `InceptionA` to `InceptionE` and `InceptionAux`.
        init_weights: Initialise for training from scratch, as `None` does, too, or leave the layers as PyTorch
            initialises them.
        dropout: Probability that an element before the classifier is dropped in training.

    Shape:
        Images `(N, 3, H, W)` of at least 75 x 75 pixels to scores `(N, num_classes)`; with an auxiliary classifier in
        training, of at least 299 x 299 pixels to `InceptionOutputs`.

    Raises:
        ValueError: An argument cannot be a network, or images are smaller.

    Example:
        >>> import torch
        >>> from zoo_classification import Inception3
        >>> Inception3(num_classes=10).eval()(torch.zeros(2, 3, 75, 75)).shape
        torch.Size([2, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("fc", "AuxLogits.fc")
    auxiliaries: ClassVar[tuple[str, ...]] = ("AuxLogits",)

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        inception_blocks: Sequence[_Unit] | None = None,
        init_weights: bool | None = None,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        require_positive(num_classes=num_classes)
        unit, block_a, block_b, block_c, block_d, block_e, auxiliary = _checked_blocks(inception_blocks)
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.Conv2d_1a_3x3 = unit(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = unit(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = unit(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Conv2d_3b_1x1 = unit(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = unit(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Mixed_5b = block_a(192, pool_features=32)
        self.Mixed_5c = block_a(256, pool_features=64)
        self.Mixed_5d = block_a(288, pool_features=64)
        self.Mixed_6a = block_b(288)
        self.Mixed_6b = block_c(768, channels_7x7=128)
        self.Mixed_6c = block_c(768, channels_7x7=160)
        self.Mixed_6d = block_c(768, channels_7x7=160)
        self.Mixed_6e = block_c(768, channels_7x7=192)
        self.AuxLogits = auxiliary(768, num_classes) if aux_logits else None
        self.Mixed_7a = block_d(768)
        self.Mixed_7b = block_e(1280)
        self.Mixed_7c = block_e(2048)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(2048, num_classes)
        self.num_features, self.num_classes = 2048, num_classes
        if init_weights or init_weights is None:
            self._initialise()

    def _initialise(self) -> None:
        for name, module in self.named_modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                trunc_normal_(module.weight, std=0.001 if name == "AuxLogits.fc" else 0.1)

    def forward(self, x: Tensor) -> InceptionOutputs:
        """Score images `x`, `(N, 3, H, W)`, for each class, `(N, num_classes)`.

        Returns:
            A tensor of scores; in training with an auxiliary classifier, and always in a scripted module,
            `InceptionOutputs`.
        """
        maps = self._first_stages(x)
        auxiliary_scores: Tensor | None = None
        if self.training and self.AuxLogits is not None:
            auxiliary_scores = self.AuxLogits(maps)
        scores = self._classify(self._last_stage(maps))
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            return InceptionOutputs(scores, auxiliary_scores)
        return self._eager_outputs(scores, auxiliary_scores)

    def _prepare(self, images: Tensor) -> Tensor:
        return prepare(images, 299 if self.training and self.aux_logits else 75, self.transform_input)

    def _first_stages(self, images: Tensor) -> Tensor:
        """Return what the auxiliary classifier takes."""
        maps = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(self._prepare(images))))
        maps = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(self.maxpool1(maps)))
        maps = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(self.maxpool2(maps))))
        result: Tensor = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(maps)))))
        return result

    def _last_stage(self, maps: Tensor) -> Tensor:
        features: Tensor = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(maps)))
        return features

    def _extract(self, images: Tensor) -> Tensor:
        return self._last_stage(self._first_stages(images))

    def _pool(self, features: Tensor) -> Tensor:
        pooled: Tensor = self.dropout(torch.flatten(self.avgpool(features), 1))
        return pooled

    def _classify(self, features: Tensor) -> Tensor:
        scores: Tensor = self.fc(self._pool(features))
        return scores

    @torch.jit.unused
    def _eager_outputs(self, scores: Tensor, auxiliary_scores: Tensor | None) -> InceptionOutputs:
        if self.training and self.aux_logits:
            return InceptionOutputs(scores, auxiliary_scores)
        return scores  # type: ignore[return-value] # a scripted function has one type


def _checked_blocks(blocks: Sequence[_Unit] | None) -> Sequence[_Unit]:
    if blocks is None:
        blocks = (BasicConv2d, InceptionA, InceptionB, InceptionC, InceptionD, InceptionE, InceptionAux)
    if len(blocks) != 7:
        raise ValueError(f"length of inception_blocks should be 7 instead of {len(blocks)}")
    return blocks


@builder(Inception_V3_Weights.IMAGENET1K_V1)
def inception_v3(weights: WeightsEnum | None, **kwargs: Any) -> Inception3:
    """Inception v3 (table 1).

    Args:
        **kwargs: Passed on to `Inception3`. With weights, `transform_input` defaults to true and `init_weights` to
            false.
    """
    return Inception3(**with_defaults(weights, kwargs))
