"""Heads that classify and move boxes.

Ross Girshick: Fast R-CNN, 2015, arXiv:1504.08083, section 2; on a pyramid: Tsung-Yi Lin, Piotr Dollár, Ross Girshick,
Kaiming He, Bharath Hariharan, Serge Belongie: Feature Pyramid Networks for Object Detection, 2016, arXiv:1612.03144,
section 4.2; with convolutions: Yuxin Wu, Kaiming He: Group Normalization, 2018, arXiv:1803.08494, section 4.2.
"""

from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from zoo_core.layers import ConvNormActivation
from zoo_detection.foundation.initialization import initialise_for_relu


class TwoMLPHead(nn.Module):
    """Two fully connected layers.

    Args:
        in_channels: Pooled features of a box, C * h * w.
        representation_size: Width of both layers, F.

    Shape:
        `(P, C, h, w)` to `(P, F)`.

    Example:
        >>> from zoo_detection import TwoMLPHead
        >>> import torch
        >>> TwoMLPHead(8 * 7 * 7, 64)(torch.zeros(2, 8, 7, 7)).shape
        torch.Size([2, 64])
    """

    def __init__(self, in_channels: int, representation_size: int) -> None:
        super().__init__()
        self.fc6 = nn.Linear(in_channels, representation_size)
        self.fc7 = nn.Linear(representation_size, representation_size)

    def forward(self, x: Tensor) -> Tensor:
        """Represent pooled features."""
        return F.relu(self.fc7(F.relu(self.fc6(x.flatten(1)))))


class FastRCNNConvFCHead(nn.Sequential):
    """Convolutions and fully connected layers.

    Args:
        input_size: Channels, height and width of pooled features, (C, h, w).
        conv_layers: Channels of each convolution.
        fc_layers: Width of each fully connected layer, the last one F.
        norm_layer: Normalisation after each convolution, called with a number of channels; none if not given.

    Shape:
        `(P, C, h, w)` to `(P, F)`.

    Example:
        >>> from torch import nn
        >>> from zoo_detection import FastRCNNConvFCHead
        >>> import torch
        >>> FastRCNNConvFCHead((8, 7, 7), [16, 16], [64], norm_layer=nn.BatchNorm2d)(torch.zeros(2, 8, 7, 7)).shape
        torch.Size([2, 64])
    """

    def __init__(
        self,
        input_size: tuple[int, int, int],
        conv_layers: Sequence[int],
        fc_layers: Sequence[int],
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        channels, height, width = input_size
        layers: list[nn.Module] = []
        for out_channels in conv_layers:
            layers.append(ConvNormActivation(channels, out_channels, norm_layer=norm_layer))
            channels = out_channels
        layers.append(nn.Flatten())
        features = channels * height * width
        for out_features in fc_layers:
            layers += [nn.Linear(features, out_features), nn.ReLU(inplace=True)]
            features = out_features
        super().__init__(*layers)
        initialise_for_relu(self)


class FastRCNNPredictor(nn.Module):
    """Scores classes, and codes a box for each.

    Args:
        in_channels: Width of the representation, F.
        num_classes: Classes, the background included.

    Shape:
        `(P, F)`, or `(P, F, 1, 1)`, to logits `(P, num_classes)` and codes `(P, 4 * num_classes)`.

    Raises:
        ValueError: When called: the features are of more than one place.

    Example:
        >>> from zoo_detection import FastRCNNPredictor
        >>> import torch
        >>> scores, codes = FastRCNNPredictor(64, 3)(torch.zeros(2, 64))
        >>> scores.shape, codes.shape
        (torch.Size([2, 3]), torch.Size([2, 12]))
    """

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.cls_score = nn.Linear(in_channels, num_classes)
        self.bbox_pred = nn.Linear(in_channels, num_classes * 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Predict logits and codes."""
        if x.dim() == 4 and tuple(x.shape[2:]) != (1, 1):
            raise ValueError(f"x has the wrong shape, expecting the last two dimensions to be [1,1], got {x.shape[2:]}")
        x = x.flatten(1)
        return self.cls_score(x), self.bbox_pred(x)
