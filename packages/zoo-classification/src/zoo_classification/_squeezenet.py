"""SqueezeNet.

Forrest N. Iandola, Song Han, Matthew W. Moskewicz, Khalid Ashraf, William J. Dally, Kurt Keutzer: SqueezeNet:
AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size, 2016, arXiv:1602.07360.

Version 1.1 is the authors' own revision (github.com/forresti/SqueezeNet): a smaller first convolution and earlier
pooling, for 2.4 times less computation at the same accuracy.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo_core.building import build, builder
from zoo_core.layers import require_image_size, require_positive

from .catalogue.squeezenet import SqueezeNet1_0_Weights, SqueezeNet1_1_Weights


class Fire(nn.Module):
    """A 1x1 convolution that squeezes, then 1x1 and 3x3 convolutions side by side that expand (section 3.2).

    Args:
        inplanes: Channels of the input.
        squeeze_planes: Channels between.
        expand1x1_planes: Channels of the output that the 1x1 convolution makes, the first ones.
        expand3x3_planes: Channels of the output that the 3x3 convolution makes.

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
        """Transform `x`, `(N, inplanes, H, W)`."""
        squeezed = self.squeeze_activation(self.squeeze(x))
        expanded1x1 = self.expand1x1_activation(self.expand1x1(squeezed))
        expanded3x3 = self.expand3x3_activation(self.expand3x3(squeezed))
        return torch.cat((expanded1x1, expanded3x3), 1)


class SqueezeNet(nn.Module):
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
        >>> SqueezeNet("1_1", num_classes=10)(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("classifier.1",)

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        require_positive(num_classes=num_classes)
        self.num_classes = num_classes
        if version == "1_0":
            self._smallest, layers = 21, _layers_of_1_0()
        elif version == "1_1":
            self._smallest, layers = 17, _layers_of_1_1()
        else:
            raise ValueError(f"Unsupported SqueezeNet version {version}: 1_0 or 1_1 expected")
        self.features = nn.Sequential(*layers)
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

    def forward(self, images: Tensor) -> Tensor:
        """Score images, `(N, 3, H, W)`, for each class, `(N, num_classes)`."""
        require_image_size(images, self._smallest)
        scores: Tensor = self.classifier(self.features(images))
        return torch.flatten(scores, 1)


def _pool() -> nn.Module:
    return nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)


def _layers_of_1_0() -> list[nn.Module]:
    return [
        nn.Conv2d(3, 96, kernel_size=7, stride=2),
        nn.ReLU(inplace=True),
        _pool(),
        Fire(96, 16, 64, 64),
        Fire(128, 16, 64, 64),
        Fire(128, 32, 128, 128),
        _pool(),
        Fire(256, 32, 128, 128),
        Fire(256, 48, 192, 192),
        Fire(384, 48, 192, 192),
        Fire(384, 64, 256, 256),
        _pool(),
        Fire(512, 64, 256, 256),
    ]


def _layers_of_1_1() -> list[nn.Module]:
    return [
        nn.Conv2d(3, 64, kernel_size=3, stride=2),
        nn.ReLU(inplace=True),
        _pool(),
        Fire(64, 16, 64, 64),
        Fire(128, 16, 64, 64),
        _pool(),
        Fire(128, 32, 128, 128),
        Fire(256, 32, 128, 128),
        _pool(),
        Fire(256, 48, 192, 192),
        Fire(384, 48, 192, 192),
        Fire(384, 64, 256, 256),
        Fire(512, 64, 256, 256),
    ]


@builder(weights=SqueezeNet1_0_Weights.IMAGENET1K_V1)
def squeezenet1_0(
    *, weights: SqueezeNet1_0_Weights | str | None = None, progress: bool = True, **kwargs: Any
) -> SqueezeNet:
    """SqueezeNet 1.0 (table 1).

    Args:
        weights: A member of `SqueezeNet1_0_Weights` or its name; `None` to initialise at random.
        progress: Show a bar while downloading.
        **kwargs: Passed on to `SqueezeNet`.

    Example:
        >>> squeezenet1_0(num_classes=10)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    return build(SqueezeNet, "1_0", weights=weights, progress=progress, **kwargs)


@builder(weights=SqueezeNet1_1_Weights.IMAGENET1K_V1)
def squeezenet1_1(
    *, weights: SqueezeNet1_1_Weights | str | None = None, progress: bool = True, **kwargs: Any
) -> SqueezeNet:
    """SqueezeNet 1.1.

    Args:
        weights: A member of `SqueezeNet1_1_Weights` or its name; `None` to initialise at random.
        progress: Show a bar while downloading.
        **kwargs: Passed on to `SqueezeNet`.

    Example:
        >>> squeezenet1_1(num_classes=10)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    return build(SqueezeNet, "1_1", weights=weights, progress=progress, **kwargs)
