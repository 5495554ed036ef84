"""Perceptrons.

Ashish Vaswani, Noam Shazeer, Niki Parmar, Jakob Uszkoreit, Llion Jones, Aidan N. Gomez, Lukasz Kaiser, Illia
Polosukhin: Attention Is All You Need, 2017, arXiv:1706.03762: section 3.3 has that of transformers.
"""

from collections.abc import Callable, Sequence

from torch import nn


class MLP(nn.Sequential):
    """Fully connected layers, with normalisation, activation and dropout after each; after the last with dropout alone.

    Args:
        in_channels: Channels of the input, C.
        hidden_channels: Channels after each layer; the last ones are those of the output.
        norm_layer: Called with a number of channels; `None` for no normalisation.
        activation_layer: Called without arguments, or with `inplace=`.
        inplace: What activations and dropouts are called with as `inplace=`; `None` for nothing.
        bias: Whether the layers have biases.
        dropout: Probability that an element is dropped in training, after each layer.

    Shape:
        `(..., C)` to `(..., hidden_channels[-1])`.

    Raises:
        ValueError: There is no layer.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from zoo_core.layers import MLP
        >>> MLP(96, [384, 96], activation_layer=nn.GELU)(torch.zeros(2, 7, 7, 96)).shape
        torch.Size([2, 7, 7, 96])
    """

    is_one_node = True  # in graphs of zoo_core.features.create_feature_extractor

    def __init__(
        self,
        in_channels: int,
        hidden_channels: Sequence[int],
        norm_layer: Callable[[int], nn.Module] | None = None,
        activation_layer: Callable[..., nn.Module] = nn.ReLU,
        inplace: bool | None = None,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        if not hidden_channels:
            raise ValueError("hidden_channels should hold the channels of at least one layer, found none")
        where = {} if inplace is None else {"inplace": inplace}
        *before, last = hidden_channels
        layers: list[nn.Module] = []
        for channels in before:
            layers.append(nn.Linear(in_channels, channels, bias=bias))
            if norm_layer is not None:
                layers.append(norm_layer(channels))
            layers += [activation_layer(**where), nn.Dropout(dropout, **where)]
            in_channels = channels
        super().__init__(*layers, nn.Linear(in_channels, last, bias=bias), nn.Dropout(dropout, **where))
