"""AlexNet.

Alex Krizhevsky: One weird trick for parallelizing convolutional neural networks, 2014, arXiv:1404.5997: the single
column of its footnote 1, which has no response normalisation, after
Alex Krizhevsky, Ilya Sutskever, Geoffrey E. Hinton: ImageNet Classification with Deep Convolutional Neural Networks,
2012.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo_core.building import ClassificationNetwork, builder
from zoo_core.layers import require_image_size, require_positive

from .catalogue.alexnet import AlexNet_Weights


class AlexNet(ClassificationNetwork):
    """Five convolutions and three fully connected layers, initialised as PyTorch initialises its layers.

    Args:
        num_classes: Width of the classifier.
        dropout: Probability that an element before the first two fully connected layers is dropped in training.

    Shape:
        Images `(N, 3, H, W)` of at least 63 x 63 pixels to scores `(N, num_classes)`.

    Raises:
        ValueError: An argument cannot be a network, or images are smaller.

    Example:
        >>> import torch
        >>> from zoo_classification import AlexNet
        >>> AlexNet(num_classes=10)(torch.zeros(2, 3, 63, 63)).shape
        torch.Size([2, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("classifier.6",)

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        require_positive(num_classes=num_classes)
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(64, 192, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(192, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )
        self.num_features, self.num_classes = 256, num_classes

    def forward(self, x: Tensor) -> Tensor:
        """Score images `x`, `(N, 3, H, W)`, for each class, `(N, num_classes)`."""
        scores: Tensor = self.classifier(self._pool(self._extract(x)))
        return scores

    def _extract(self, images: Tensor) -> Tensor:
        require_image_size(images, 63)
        features: Tensor = self.features(images)
        return features

    def _pool(self, features: Tensor) -> Tensor:
        return torch.flatten(self.avgpool(features), 1)


@builder(AlexNet_Weights.IMAGENET1K_V1)
def alexnet(**kwargs: Any) -> AlexNet:
    """AlexNet in one column."""
    return AlexNet(**kwargs)
