"""SqueezeNet.

Forrest N. Iandola, Song Han, Matthew W. Moskewicz, Khalid Ashraf, William J. Dally, Kurt Keutzer: SqueezeNet:
AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size, 2016, arXiv:1602.07360.

Version 1.1 is the authors' own revision (github.com/forresti/SqueezeNet): a smaller first convolution and earlier
pooling, for 2.4 times less computation at the same accuracy.
"""

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from zoo_core.building import ClassificationNetwork, builder
from zoo_core.layers import require_image_size, require_positive

from .catalogue.squeezenet import SqueezeNet1_0_Weights, SqueezeNet1_1_Weights

_VERSIONS: dict[str, tuple[int, int, int, tuple[int | Literal["M"], ...]]] = {
    "1_0": (21, 96, 7, ("M", 16, 16, 32, "M", 32, 48, 48, 64, "M", 64)),
    "1_1": (17, 64, 3, ("M", 16, 16, "M", 32, 32, "M", 48, 48, 64, 64)),
}
"""Least height and width, channels and kernel size of the first convolution, and what follows it: a pooling, or the
channels that a `Fire` squeezes to, each of whose expansions has four times as many."""


class Fire(nn.Module):
    """A 1x1 convolution that squeezes, then 1x1 and 3x3 convolutions side by side that expand (section 3.2).

    Shape:
        `(N, inplanes, H, W)` to `(N, expand1x1_planes + expand3x3_planes, H, W)`.
    """

    def __init__(self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, kernel_size=1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, kernel_size=1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, kernel_size=3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = self.squeeze_activation(self.squeeze(x))
        expanded1x1 = self.expand1x1_activation(self.expand1x1(squeezed))
        expanded3x3 = self.expand3x3_activation(self.expand3x3(squeezed))
        return torch.cat((expanded1x1, expanded3x3), 1)


class SqueezeNet(ClassificationNetwork):
    """A SqueezeNet: the classifier is a convolution, whose maps are averaged.

    Args:
        version: `"1_0"`, the paper's (table 1), or `"1_1"`.
        num_classes: Channels of the classifier.
        dropout: Probability that an element before the classifier is dropped in training.

    Shape:
        Images `(N, 3, H, W)` of at least 21 x 21 pixels (version 1.1: 17 x 17) to scores `(N, num_classes)`, none of
        which is negative.

    Raises:
        ValueError: An argument cannot be a network, or images are smaller.

    Example:
        >>> import torch
        >>> from zoo_classification import SqueezeNet
        >>> SqueezeNet("1_1", num_classes=10)(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("classifier.1",)

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        require_positive(num_classes=num_classes)
        self.num_features, self.num_classes = 512, num_classes
        if version not in _VERSIONS:
            raise ValueError(f"Unsupported SqueezeNet version {version}: {' or '.join(_VERSIONS)} expected")
        self._smallest, channels, kernel_size, layers = _VERSIONS[version]
        self.features = nn.Sequential(nn.Conv2d(3, channels, kernel_size, stride=2), nn.ReLU(inplace=True))
        for layer in layers:
            if layer == "M":
                self.features.append(nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True))
            else:
                self.features.append(Fire(channels, layer, 4 * layer, 4 * layer))
                channels = 8 * layer
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout),
            nn.Conv2d(512, num_classes, kernel_size=1),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
        )
        self._initialise()

    def _initialise(self) -> None:
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d):
                if name in self.classifiers:
                    nn.init.normal_(module.weight, std=0.01)
                else:
                    nn.init.kaiming_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Score images `x`, `(N, 3, H, W)`, for each class, `(N, num_classes)`."""
        scores: Tensor = self.classifier(self._extract(x))
        return torch.flatten(scores, 1)

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        return torch.flatten(super().forward_head(features, pre_logits), 1)

    def _extract(self, images: Tensor) -> Tensor:
        require_image_size(images, self._smallest)
        features: Tensor = self.features(images)
        return features


@builder(SqueezeNet1_0_Weights.IMAGENET1K_V1)
def squeezenet1_0(**kwargs: Any) -> SqueezeNet:
    """SqueezeNet 1.0 (table 1)."""
    return SqueezeNet("1_0", **kwargs)


@builder(SqueezeNet1_1_Weights.IMAGENET1K_V1)
def squeezenet1_1(**kwargs: Any) -> SqueezeNet:
    """SqueezeNet 1.1."""
    return SqueezeNet("1_1", **kwargs)
