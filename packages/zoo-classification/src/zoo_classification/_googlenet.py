"""GoogLeNet, with batch norm.

Christian Szegedy, Wei Liu, Yangqing Jia, Pierre Sermanet, Scott Reed, Dragomir Anguelov, Dumitru Erhan, Vincent
Vanhoucke, Andrew Rabinovich: Going Deeper with Convolutions, 2014, arXiv:1409.4842.
Sergey Ioffe, Christian Szegedy: Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
Shift, 2015, arXiv:1502.03167.

The published weights need two departures from the paper: where it has 5x5 convolutions these are 3x3, and the auxiliary
classifiers' pooling adapts to the size of the images.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from zoo_core import WeightsEnum
from zoo_core.building import ClassificationNetwork, builder, warn_caller
from zoo_core.layers import require_image_size, require_positive, trunc_normal_

from .catalogue.googlenet import GoogLeNet_Weights


class GoogLeNetOutputs(NamedTuple):
    """Scores of a GoogLeNet with auxiliary classifiers in training, `(N, num_classes)` each."""

    logits: Tensor
    aux_logits2: Tensor | None
    """Of the deeper auxiliary classifier."""
    aux_logits1: Tensor | None


class BasicConv2d(nn.Module):
    """A convolution without bias, which gets the further arguments, batch norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.bn(self.conv(x)), inplace=True)


class Branches(nn.Module):
    """A module of branches side by side, whose channels are concatenated.

    Its convolutions are built by `conv_block`, which is `BasicConv2d` if not given.
    """

    def branches(self, x: Tensor) -> list[Tensor]:
        """Transform `x`, `(N, in_channels, H, W)`, in each branch."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(self.branches(x), 1)


class Inception(Branches):
    """Four branches side by side (figure 2b); `ch3x3red` and `ch5x5red` are what their 1x1 convolutions reduce to.

    Shape:
        `(N, in_channels, H, W)` to `(N, ch1x1 + ch3x3 + ch5x5 + pool_proj, H, W)`.
    """

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        conv_block: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        unit = conv_block or BasicConv2d
        self.branch1 = unit(in_channels, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            unit(in_channels, ch3x3red, kernel_size=1), unit(ch3x3red, ch3x3, kernel_size=3, padding=1)
        )
        self.branch3 = nn.Sequential(
            unit(in_channels, ch5x5red, kernel_size=1), unit(ch5x5red, ch5x5, kernel_size=3, padding=1)
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=True),
            unit(in_channels, pool_proj, kernel_size=1),
        )

    def branches(self, x: Tensor) -> list[Tensor]:
        return [self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)]


class InceptionAux(nn.Module):
    """An auxiliary classifier, which helps the gradient into the middle of the network (section 5).

    Shape:
        `(N, in_channels, H, W)` to `(N, num_classes)`.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        conv_block: Callable[..., nn.Module] | None = None,
        dropout: float = 0.7,
    ) -> None:
        super().__init__()
        self.conv = (conv_block or BasicConv2d)(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(128 * 4 * 4, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(p=dropout)

    def forward(self, x: Tensor) -> Tensor:
        features = self.conv(nn.functional.adaptive_avg_pool2d(x, 4))
        hidden = nn.functional.relu(self.fc1(torch.flatten(features, 1)), inplace=True)
        scores: Tensor = self.fc2(self.dropout(hidden))
        return scores


class GoogLeNet(ClassificationNetwork):
    """A GoogLeNet (table 1).

    Args:
        num_classes: Width of the classifiers.
        aux_logits: Whether there are auxiliary classifiers, for training.
        transform_input: Change images that are normalised for ImageNet to the range [-1, 1], which some weights want.
        init_weights: Initialise for training from scratch, as `None` does, too, or leave the layers as PyTorch
            initialises them.
        blocks: Build a convolution, an inception module and an auxiliary classifier, in place of `BasicConv2d`,
            `Inception` and `InceptionAux`.
        dropout: Probability that an element before the classifier is dropped in training.
        dropout_aux: Likewise in the auxiliary classifiers.

    Shape:
        Images `(N, 3, H, W)` of at least 15 x 15 pixels to scores `(N, num_classes)`; with auxiliary classifiers in
        training to `GoogLeNetOutputs`.

    Raises:
        ValueError: An argument cannot be a network, or images are smaller.

    Example:
        >>> import torch
        >>> from zoo_classification import GoogLeNet
        >>> outputs = GoogLeNet(num_classes=10)(torch.zeros(2, 3, 64, 64))
        >>> outputs.logits.shape, outputs.aux_logits1.shape
        (torch.Size([2, 10]), torch.Size([2, 10]))
    """

    classifiers: ClassVar[tuple[str, ...]] = ("fc", "aux1.fc2", "aux2.fc2")
    auxiliaries: ClassVar[tuple[str, ...]] = ("aux1", "aux2")

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        blocks: Sequence[Callable[..., nn.Module]] | None = None,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ) -> None:
        super().__init__()
        require_positive(num_classes=num_classes)
        unit, inception, auxiliary = _checked_blocks(blocks)
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.conv1 = unit(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = unit(64, 64, kernel_size=1)
        self.conv3 = unit(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = inception(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = inception(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = inception(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = auxiliary(512, num_classes, dropout=dropout_aux) if aux_logits else None
        self.aux2 = auxiliary(528, num_classes, dropout=dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(1024, num_classes)
        self.num_features, self.num_classes = 1024, num_classes
        if init_weights or init_weights is None:
            self.apply(_initialise)

    def forward(self, x: Tensor) -> GoogLeNetOutputs:
        """Score images `x`, `(N, 3, H, W)`, for each class, `(N, num_classes)`.

        Returns:
            A tensor of scores; in training with auxiliary classifiers, and always in a scripted module,
            `GoogLeNetOutputs`.
        """
        features4a, features4d, features = self._stages(x)
        scores = self._classify(features)
        scores1: Tensor | None = None
        scores2: Tensor | None = None
        if self.training:
            if self.aux1 is not None:
                scores1 = self.aux1(features4a)
            if self.aux2 is not None:
                scores2 = self.aux2(features4d)
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            return GoogLeNetOutputs(scores, scores2, scores1)
        return self._eager_outputs(scores, scores2, scores1)

    def _stages(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the auxiliary classifiers take, and the features."""
        maps = self.maxpool1(self.conv1(self._prepare(images)))
        maps = self.maxpool2(self.conv3(self.conv2(maps)))
        maps = self.maxpool3(self.inception3b(self.inception3a(maps)))
        maps4a = self.inception4a(maps)
        maps4d = self.inception4d(self.inception4c(self.inception4b(maps4a)))
        maps = self.maxpool4(self.inception4e(maps4d))
        return maps4a, maps4d, self.inception5b(self.inception5a(maps))

    def _prepare(self, images: Tensor) -> Tensor:
        return prepare(images, 15, self.transform_input)

    def _extract(self, images: Tensor) -> Tensor:
        return self._stages(images)[2]

    def _pool(self, features: Tensor) -> Tensor:
        pooled: Tensor = self.dropout(torch.flatten(self.avgpool(features), 1))
        return pooled

    def _classify(self, features: Tensor) -> Tensor:
        scores: Tensor = self.fc(self._pool(features))
        return scores

    @torch.jit.unused
    def _eager_outputs(self, scores: Tensor, scores2: Tensor | None, scores1: Tensor | None) -> GoogLeNetOutputs:
        if self.training and self.aux_logits:
            return GoogLeNetOutputs(scores, scores2, scores1)
        return scores  # type: ignore[return-value] # a scripted function has one type


def _checked_blocks(blocks: Sequence[Callable[..., nn.Module]] | None) -> Sequence[Callable[..., nn.Module]]:
    """Return what builds a convolution, an inception module, and an auxiliary classifier."""
    if blocks is None:
        blocks = (BasicConv2d, Inception, InceptionAux)
    if len(blocks) != 3:
        raise ValueError(f"blocks length should be 3 instead of {len(blocks)}")
    return blocks


def prepare(images: Tensor, smallest: int, transform_input: bool) -> Tensor:
    """Check the size of `images`, `(N, 3, H, W)`, and bring them into the range that some weights want."""
    require_image_size(images, smallest)
    return to_unit_range(images) if transform_input else images


def to_unit_range(images: Tensor) -> Tensor:
    """Change `images`, `(N, 3, H, W)`, normalised with ImageNet's mean and deviation, to the range [-1, 1]."""
    red = images[:, 0:1] * (0.229 / 0.5) + (0.485 - 0.5) / 0.5
    green = images[:, 1:2] * (0.224 / 0.5) + (0.456 - 0.5) / 0.5
    blue = images[:, 2:3] * (0.225 / 0.5) + (0.406 - 0.5) / 0.5
    return torch.cat((red, green, blue), 1)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        trunc_normal_(module.weight, std=0.01)


def with_defaults(weights: WeightsEnum | None, arguments: dict[str, Any], **further: Any) -> dict[str, Any]:
    """Return a builder's arguments with the defaults that hold with weights, `further` ones among them."""
    return arguments if weights is None else {"transform_input": True, "init_weights": False, **further, **arguments}


def arguments_of(weights: WeightsEnum | None, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a GoogLeNet: with weights it has no auxiliary classifiers by default."""
    arguments = with_defaults(weights, arguments, aux_logits=False)
    if weights is not None and arguments["aux_logits"]:
        warn_caller("auxiliary heads in the pretrained googlenet model are NOT pretrained, so make sure to train them")
    return arguments


@builder(GoogLeNet_Weights.IMAGENET1K_V1)
def googlenet(weights: WeightsEnum | None, **kwargs: Any) -> GoogLeNet:
    """GoogLeNet with batch norm (table 1).

    Args:
        **kwargs: Passed on to `GoogLeNet`. With weights, `transform_input` defaults to true, `init_weights` to false,
            and `aux_logits` to false: the file has auxiliary classifiers, but they are not trained.
    """
    return GoogLeNet(**arguments_of(weights, kwargs))
