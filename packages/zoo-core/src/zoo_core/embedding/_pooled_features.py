"""A classification network without its classifier."""

from typing import Any

from torch import Tensor, nn

_ABOUT_INPUTS = ("image_size", "clip_size")
"""What networks say of the inputs that they want."""


class PooledFeatures(nn.Module):
    """Gives what the classifier of a network would be given: `forward_head(forward_features(x), pre_logits=True)`.

    Args:
        network: Has `forward_features` and `forward_head`, as all of zoo's classification networks, and timm's. An int8
            network gives numbers of 8 bits, which become float32.

    Raises:
        ValueError: It has not.

    Shape:
        What the network takes, `(N, ...)`, to `(N, head_hidden_size)`.

    Example:
        >>> import torch
        >>> from zoo_classification import mobilenet_v3_small
        >>> from zoo_core.embedding import PooledFeatures
        >>> PooledFeatures(mobilenet_v3_small()).eval()(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 1024])
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        if not (hasattr(network, "forward_features") and hasattr(network, "forward_head")):
            raise ValueError(
                f"{type(network).__name__} gives scores alone, as exported files do: expected a network with "
                "forward_features and forward_head. Use the model that the file was made of."
            )
        self.network: Any = network
        for name in _ABOUT_INPUTS:
            if hasattr(network, name):
                setattr(self, name, getattr(network, name))

    def forward(self, x: Tensor) -> Tensor:
        """Return the pooled features."""
        pooled = self.network.forward_head(self.network.forward_features(x), pre_logits=True)
        if not isinstance(pooled, Tensor) or pooled.is_quantized:
            pooled = pooled.dequantize()
        features: Tensor = pooled
        return features
