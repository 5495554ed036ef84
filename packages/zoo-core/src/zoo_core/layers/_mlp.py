"""The two-layer perceptron of transformers.

Ashish Vaswani, Noam Shazeer, Niki Parmar, Jakob Uszkoreit, Llion Jones, Aidan N. Gomez, Lukasz Kaiser, Illia
Polosukhin: Attention Is All You Need, 2017, arXiv:1706.03762.
"""

from torch import nn


class MLP(nn.Sequential):
    """Widens each token, applies GELU, and narrows it again (section 3.3), as layers "0" to "4".

    Args:
        channels: Channels of the input and the output, C.
        hidden_channels: Channels in between.
        dropout: Probability that an element is dropped in training, after either layer.
        out_channels: Channels of the output; C if not given.

    Shape:
        `(..., C)` to the same, or to `(..., out_channels)`.

    Example:
        >>> MLP(96, 384)(torch.zeros(2, 7, 7, 96)).shape
        torch.Size([2, 7, 7, 96])
    """

    def __init__(
        self, channels: int, hidden_channels: int, dropout: float = 0.0, out_channels: int | None = None
    ) -> None:
        super().__init__(
            nn.Linear(channels, hidden_channels),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden_channels, out_channels or channels),
            nn.Dropout(dropout),
        )
