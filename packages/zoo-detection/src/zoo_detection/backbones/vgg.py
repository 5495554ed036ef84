"""VGG-16 as the backbone of SSD.

Wei Liu, Dragomir Anguelov, Dumitru Erhan, Christian Szegedy, Scott Reed, Cheng-Yang Fu, Alexander C. Berg: SSD: Single
Shot MultiBox Detector, 2015, arXiv:1512.02325.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo_classification import VGG, VGG16_Weights, vgg16
from zoo_core.building import Backbone, ChosenBackbone
from zoo_detection.foundation.initialization import initialise_convolutions

from .networks import freeze

VGG16 = Backbone(build=vgg16, pretrained=VGG16_Weights.IMAGENET1K_FEATURES, layers=5, trainable=4)


def vgg_with_added_levels(backbone: ChosenBackbone[VGG]) -> "SSDFeatureExtractorVGG":
    """Build the VGG that a call has chosen, its blocks frozen before those that train, and SSD's levels on it."""
    features = backbone.build().features
    assert isinstance(features, nn.Sequential)
    freeze(features, [str(start) for start in (0, *_poolings(features)[:-1])], backbone.trainable_layers)
    return SSDFeatureExtractorVGG(features)


def _poolings(layers: nn.Sequential) -> list[int]:
    return [index for index, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)]


class SSDFeatureExtractorVGG(nn.Module):
    """The convolutions of a VGG, with the levels that SSD adds (figure 2).

    Args:
        backbone: The layers of a VGG before its classifier; they are taken over.
        highres: One more level, for images of 512 x 512 pixels.

    Shape:
        Images `(N, 3, H, W)` to an ordered dictionary of levels of 512, 1024, 512, 256, 256, 256 channels.
    """

    def __init__(self, backbone: nn.Sequential, highres: bool = False) -> None:
        super().__init__()
        _, _, third, fourth, fifth = _poolings(backbone)
        pooling = backbone[third]
        assert isinstance(pooling, nn.MaxPool2d)
        pooling.ceil_mode = True  # 38 x 38, not 37 x 37, for images of 300 x 300
        self.scale_weight = nn.Parameter(torch.empty(512))
        nn.init.constant_(self.scale_weight, 20.0)
        self.features = nn.Sequential(*list(backbone)[:fourth])
        added = [_converted_classifier(), *_added_levels(highres)]
        for level in added:
            initialise_convolutions(level, nn.init.xavier_uniform_)
        fifth_block = nn.Sequential(*list(backbone)[fourth:fifth], added[0])
        self.extra = nn.ModuleList([fifth_block, *added[1:]])
        self.out_channels = [512, 1024, 512, *([256] * (4 if highres else 3))]

    def forward(self, x: Tensor) -> "OrderedDict[str, Tensor]":
        """Compute all levels, the finest first."""
        features = self.features(x)
        levels = [self.scale_weight[:, None, None] * F.normalize(features)]
        for layer in self.extra:
            features = layer(features)
            levels.append(features)
        return OrderedDict((str(index), level) for index, level in enumerate(levels))


def _converted_classifier() -> nn.Sequential:
    """Build the convolutions that take the place of VGG's first two fully connected layers (section 3)."""
    return nn.Sequential(
        nn.MaxPool2d(3, stride=1, padding=1),
        nn.Conv2d(512, 1024, 3, padding=6, dilation=6),
        nn.ReLU(inplace=True),
        nn.Conv2d(1024, 1024, 1),
        nn.ReLU(inplace=True),
    )


def _added_levels(highres: bool) -> list[nn.Sequential]:
    levels = [_added(1024, 512, stride=2), _added(512, 256, stride=2), _added(256, 256), _added(256, 256)]
    return [*levels, _added(256, 256, kernel_size=4)] if highres else levels


def _added(inputs: int, outputs: int, *, stride: int = 1, kernel_size: int = 3) -> nn.Sequential:
    """Build a level of half the resolution, or one that is smaller by what the kernel overhangs."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs // 2, 1),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs // 2, outputs, kernel_size, stride, padding=stride - 1),
        nn.ReLU(inplace=True),
    )
