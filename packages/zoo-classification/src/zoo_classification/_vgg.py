"""VGG, plain and with batch norm.

Karen Simonyan, Andrew Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, 2014,
arXiv:1409.1556.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from zoo_core.building import ClassificationNetwork, builder
from zoo_core.layers import initialise_from_normal, require_image_size, require_positive

from .catalogue import vgg as catalogue

_Layer = int | Literal["M"]
"""Channels of a convolution, or a pooling."""

_CONFIGURATIONS: dict[str, tuple[_Layer, ...]] = {
    "A": (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"),
    "B": (64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"),
    "D": (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"),
    "E": (64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M", 512, 512, 512, 512, "M"),
}
"""The columns of table 1."""


class VGG(ClassificationNetwork):
    """Three fully connected layers on top of convolutions (section 2.1).

    Args:
        features: Makes maps of 512 channels of the images.
        num_classes: Width of the classifier.
        init_weights: Initialise for training from scratch, or leave the layers as PyTorch initialises them.
        dropout: Probability that an element after the first two fully connected layers is dropped in training.

    Shape:
        Images `(N, 3, H, W)`, of at least 32 x 32 pixels for the features of the paper, to scores `(N, num_classes)`.

    Raises:
        ValueError: `num_classes` is not positive, or images are smaller than the features of the paper can take.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from zoo_classification import VGG
        >>> features = nn.Sequential(nn.Conv2d(3, 512, 3), nn.MaxPool2d(8))
        >>> VGG(features, num_classes=10)(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("classifier.6",)

    def __init__(
        self, features: nn.Module, num_classes: int = 1000, init_weights: bool = True, dropout: float = 0.5
    ) -> None:
        super().__init__()
        require_positive(num_classes=num_classes)
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        self.num_features, self.num_classes = 512, num_classes
        self._smallest = 1
        if init_weights:
            self.apply(initialise_from_normal)

    def forward(self, x: Tensor) -> Tensor:
        """Score images `x`, `(N, 3, H, W)`, for each class, `(N, num_classes)`."""
        scores: Tensor = self.classifier(self._pool(self._extract(x)))
        return scores

    def _extract(self, images: Tensor) -> Tensor:
        require_image_size(images, self._smallest)
        features: Tensor = self.features(images)
        return features

    def _pool(self, features: Tensor) -> Tensor:
        return torch.flatten(self.avgpool(features), 1)


def make_layers(cfg: Sequence[_Layer], batch_norm: bool = False) -> nn.Sequential:
    """Build the convolutions of a VGG, for `VGG(features)`.

    Args:
        cfg: For each layer the channels of a 3x3 convolution, followed by ReLU, or `"M"` for a maximum of 2 x 2 pixels.
        batch_norm: Whether batch norm follows each convolution.

    Shape:
        `(N, 3, H, W)` to features.

    Example:
        >>> import torch
        >>> from zoo_classification import make_layers
        >>> make_layers([8, "M", 16])(torch.zeros(1, 3, 8, 8)).shape
        torch.Size([1, 16, 4, 4])
    """
    layers: list[nn.Module] = []
    in_channels = 3
    for layer in cfg:
        if layer == "M":
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            continue
        layers.append(nn.Conv2d(in_channels, layer, kernel_size=3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(layer))
        layers.append(nn.ReLU(inplace=True))
        in_channels = layer
    return nn.Sequential(*layers)


def _from_table(column: str, *, batch_norm: bool, **kwargs: Any) -> VGG:
    network = VGG(make_layers(_CONFIGURATIONS[column], batch_norm=batch_norm), **kwargs)
    network._smallest = 32
    return network


@builder(catalogue.VGG11_Weights.IMAGENET1K_V1)
def vgg11(**kwargs: Any) -> VGG:
    """VGG-11 (table 1, column A)."""
    return _from_table("A", batch_norm=False, **kwargs)


@builder(catalogue.VGG11_BN_Weights.IMAGENET1K_V1)
def vgg11_bn(**kwargs: Any) -> VGG:
    """VGG-11 with batch norm after each convolution (table 1, column A)."""
    return _from_table("A", batch_norm=True, **kwargs)


@builder(catalogue.VGG13_Weights.IMAGENET1K_V1)
def vgg13(**kwargs: Any) -> VGG:
    """VGG-13 (table 1, column B)."""
    return _from_table("B", batch_norm=False, **kwargs)


@builder(catalogue.VGG13_BN_Weights.IMAGENET1K_V1)
def vgg13_bn(**kwargs: Any) -> VGG:
    """VGG-13 with batch norm after each convolution (table 1, column B)."""
    return _from_table("B", batch_norm=True, **kwargs)


@builder(catalogue.VGG16_Weights.IMAGENET1K_V1)
def vgg16(**kwargs: Any) -> VGG:
    """VGG-16 (table 1, column D)."""
    return _from_table("D", batch_norm=False, **kwargs)


@builder(catalogue.VGG16_BN_Weights.IMAGENET1K_V1)
def vgg16_bn(**kwargs: Any) -> VGG:
    """VGG-16 with batch norm after each convolution (table 1, column D)."""
    return _from_table("D", batch_norm=True, **kwargs)


@builder(catalogue.VGG19_Weights.IMAGENET1K_V1)
def vgg19(**kwargs: Any) -> VGG:
    """VGG-19 (table 1, column E)."""
    return _from_table("E", batch_norm=False, **kwargs)


@builder(catalogue.VGG19_BN_Weights.IMAGENET1K_V1)
def vgg19_bn(**kwargs: Any) -> VGG:
    """VGG-19 with batch norm after each convolution (table 1, column E)."""
    return _from_table("E", batch_norm=True, **kwargs)
