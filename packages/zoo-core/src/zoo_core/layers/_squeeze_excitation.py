"""Squeeze-and-excitation.

Jie Hu, Li Shen, Samuel Albanie, Gang Sun, Enhua Wu: Squeeze-and-Excitation Networks, 2017, arXiv:1709.01507.
"""

from collections.abc import Callable

from torch import Tensor, nn


class SqueezeExcitation(nn.Module):
    """Scales each channel by a factor that is computed from the means of all channels (section 3).

    Args:
        input_channels: Channels of the input and the output, C.
        squeeze_channels: Channels between the two fully connected layers.
        activation: After the first of them; called without arguments.
        scale_activation: After the second, to bound the factors; called without arguments.

    Shape:
        `(N, C, H, W)` to the same.

    Example:
        >>> import torch
        >>> from zoo_core.layers import SqueezeExcitation
        >>> SqueezeExcitation(64, 16)(torch.zeros(2, 64, 7, 7)).shape
        torch.Size([2, 64, 7, 7])
    """

    is_one_node = True  # in graphs of zoo_core.features.create_feature_extractor

    def __init__(
        self,
        input_channels: int,
        squeeze_channels: int,
        activation: Callable[[], nn.Module] = nn.ReLU,
        scale_activation: Callable[[], nn.Module] = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 # the name that users know
        """Scale the channels of features, `(N, C, H, W)`."""
        squeezed = self.activation(self.fc1(self.avgpool(input)))
        scale: Tensor = self.scale_activation(self.fc2(squeezed))
        return scale * input
