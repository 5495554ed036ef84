"""GoogLeNet, with batch norm.

Christian Szegedy, Wei Liu, Yangqing Jia, Pierre Sermanet, Scott Reed, Dragomir Anguelov, Dumitru Erhan, Vincent
Vanhoucke, Andrew Rabinovich: Going Deeper with Convolutions, 2014, arXiv:1409.4842.
Sergey Ioffe, Christian Szegedy: Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
Shift, 2015, arXiv:1502.03167.

The published weights need two departures from the paper: where it has 5x5 convolutions these are 3x3, and the auxiliary
classifiers' pooling adapts to the size of the images.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from zoo_core.building import build, builder
from zoo_core.layers import require_image_size, require_positive, trunc_normal_

from .catalogue.googlenet import GoogLeNet_Weights


class GoogLeNetOutputs(NamedTuple):
    """Scores of a GoogLeNet with auxiliary classifiers in training, `(N, num_classes)` each."""

    logits: Tensor
    aux_logits2: Tensor | None
    """Of the deeper auxiliary classifier."""
    aux_logits1: Tensor | None


class BasicConv2d(nn.Module):
    """A convolution without bias, batch norm, ReLU.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        **kwargs: Of the convolution.

    Shape:
        `(N, in_channels, H, W)` to what the convolution makes of it.
    """

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """Transform `x`, `(N, in_channels, H, W)`."""
        return nn.functional.relu(self.bn(self.conv(x)), inplace=True)


class Inception(nn.Module):
    """Four branches side by side (figure 2b).

    Args:
        in_channels: Channels of the input.
        ch1x1: Channels of the branch of one 1x1 convolution.
        ch3x3red: Channels that the second branch's 1x1 convolution reduces to.
        ch3x3: Channels of the second branch.
        ch5x5red: Channels that the third branch's 1x1 convolution reduces to.
        ch5x5: Channels of the third branch.
        pool_proj: Channels of the branch of a pooling and a 1x1 convolution.
        conv_block: Builds a convolution like `BasicConv2d`, which it is if not given.

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
        """Transform `x`, `(N, in_channels, H, W)`, in each branch."""
        return [self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)]

    def forward(self, x: Tensor) -> Tensor:
        """Transform `x`, `(N, in_channels, H, W)`."""
        return torch.cat(self.branches(x), 1)


class InceptionAux(nn.Module):
    """An auxiliary classifier, which helps the gradient into the middle of the network (section 5).

    Args:
        in_channels: Channels of the input.
        num_classes: Width of the classifier.
        conv_block: Builds a convolution like `BasicConv2d`, which it is if not given.
        dropout: Probability that an element of the hidden layer is dropped in training.

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
        """Score `x`, `(N, in_channels, H, W)`, for each class, `(N, num_classes)`."""
        features = self.conv(nn.functional.adaptive_avg_pool2d(x, 4))
        hidden = nn.functional.relu(self.fc1(torch.flatten(features, 1)), inplace=True)
        scores: Tensor = self.fc2(self.dropout(hidden))
        return scores


class GoogLeNet(nn.Module):
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
        if init_weights or init_weights is None:
            self.apply(_initialise)

    def forward(self, images: Tensor) -> GoogLeNetOutputs:
        """Score images, `(N, 3, H, W)`, for each class, `(N, num_classes)`.

        Returns:
            A tensor of scores; in training with auxiliary classifiers, and always in a scripted module,
            `GoogLeNetOutputs`.
        """
        features = self.maxpool1(self.conv1(self._prepare(images)))
        features = self.maxpool2(self.conv3(self.conv2(features)))
        features = self.maxpool3(self.inception3b(self.inception3a(features)))
        features4a = self.inception4a(features)
        features4d = self.inception4d(self.inception4c(self.inception4b(features4a)))
        features = self.maxpool4(self.inception4e(features4d))
        features = self.inception5b(self.inception5a(features))
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

    def _prepare(self, images: Tensor) -> Tensor:
        return prepare(images, 15, self.transform_input)

    def _classify(self, features: Tensor) -> Tensor:
        scores: Tensor = self.fc(self.dropout(torch.flatten(self.avgpool(features), 1)))
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


def arguments_of_weights(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return a builder's arguments with the defaults that hold with weights."""
    arguments = {"transform_input": True, "init_weights": False, "aux_logits": False, **arguments}
    if arguments["aux_logits"]:
        warnings.warn(
            "auxiliary heads in the pretrained googlenet model are NOT pretrained, so make sure to train them",
            UserWarning,
            stacklevel=4,
        )
    return arguments


@builder(weights=GoogLeNet_Weights.IMAGENET1K_V1)
def googlenet(*, weights: GoogLeNet_Weights | str | None = None, progress: bool = True, **kwargs: Any) -> GoogLeNet:
    """GoogLeNet with batch norm (table 1).

    Args:
        weights: A member of `GoogLeNet_Weights` or its name; `None` to initialise at random.
        progress: Show a bar while downloading.
        **kwargs: Passed on to `GoogLeNet`. With weights, `transform_input` defaults to true, `init_weights` to false,
            and `aux_logits` to false: the file has auxiliary classifiers, but they are not trained.

    Example:
        >>> googlenet(num_classes=10).eval()(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    if weights is not None:
        kwargs = arguments_of_weights(kwargs)
    return build(GoogLeNet, weights=weights, progress=progress, **kwargs)
