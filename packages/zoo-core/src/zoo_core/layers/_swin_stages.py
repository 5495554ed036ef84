"""The stages of Swin Transformers, of any number of dimensions.

Ze Liu, Yutong Lin, Yue Cao, Han Hu, Yixuan Wei, Zheng Zhang, Stephen Lin, Baining Guo: Swin Transformer: Hierarchical
Vision Transformer using Shifted Windows, 2021, arXiv:2103.14030.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._checks import require_positive
from ._mlp import MLP
from ._shifted_window import ShiftedWindowAttention
from ._stochastic_depth import StochasticDepth, depth_ramp


class SwinTransformerBlock(nn.Module):
    """Attention and a perceptron, each with a shortcut and normalised before (figure 3b).

    Args:
        dim: Channels of the input and the output, C.
        num_heads: Of the attention.
        window_size: Of the attention.
        shift_size: Of the attention.
        mlp_ratio: Hidden channels of the perceptron, as a multiple of `dim`.
        dropout: Probability that an element of either branch is dropped in training.
        attention_dropout: Probability that an attention weight is dropped in training.
        stochastic_depth_prob: Probability that either branch is dropped for an image in training.
        norm_layer: Called with a number of channels.
        attn_layer: Called with `dim`, `window_size`, `shift_size`, `num_heads` and the dropouts;
            `ShiftedWindowAttention` if not given.

    Shape:
        `(N, H, W, C)` to the same, with as many dimensions in place of H and W as the windows have.
    """

    usual_attention: ClassVar[Callable[..., nn.Module]] = ShiftedWindowAttention

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        norm_layer: Callable[..., nn.Module] = nn.LayerNorm,
        attn_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.norm1 = norm_layer(dim)
        self.attn = (attn_layer or self.usual_attention)(
            dim, window_size, shift_size, num_heads, attention_dropout=attention_dropout, dropout=dropout
        )
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.norm2 = norm_layer(dim)
        self.mlp = MLP(dim, [int(dim * mlp_ratio), dim], activation_layer=nn.GELU, dropout=dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Transform the map `x`, `(N, H, W, C)`."""
        x = x + self.stochastic_depth(self.attn(self.norm1(x)))
        result: Tensor = x + self.stochastic_depth(self.mlp(self.norm2(x)))
        return result


class PatchMerging(nn.Module):
    """Joins each 2 x 2 tokens, normalises, and reduces the channels (section 3.1).

    Args:
        dim: Channels of the input, C.
        norm_layer: Called with a number of channels.

    Shape:
        `(..., H, W, C)` to `(..., ceil(H / 2), ceil(W / 2), 2 * C)`.

    Example:
        >>> import torch
        >>> from zoo_core.layers import PatchMerging
        >>> PatchMerging(96)(torch.zeros(1, 7, 8, 96)).shape
        torch.Size([1, 4, 4, 192])
    """

    def __init__(self, dim: int, norm_layer: Callable[..., nn.Module] = nn.LayerNorm) -> None:
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(4 * dim)

    def forward(self, x: Tensor) -> Tensor:
        """Halve the resolution of `x`, `(..., H, W, C)`."""
        result: Tensor = self.reduction(self.norm(self._join_patches(x)))
        return result

    def _join_patches(self, x: Tensor) -> Tensor:
        """Join `(..., H, W, C)` to `(..., ceil(H / 2), ceil(W / 2), 4 * C)`, the tokens of a patch column by column."""
        height, width = x.shape[-3], x.shape[-2]
        # One more of each is right for odd and for even sizes, and for exports of any size.
        x = F.pad(x, [0, 0, 0, 1, 0, 1])
        left, right = x[..., 0:width:2, :], x[..., 1::2, :]
        patches = (
            left[..., 0:height:2, :, :],
            left[..., 1::2, :, :],
            right[..., 0:height:2, :, :],
            right[..., 1::2, :, :],
        )
        return torch.cat(patches, dim=-1)


def swin_stages(
    embed_dim: int,
    depths: Sequence[int],
    num_heads: Sequence[int],
    window_size: Sequence[int],
    stochastic_depth_prob: float,
    block: Callable[..., nn.Module],
    downsample_layer: Callable[[int], nn.Module],
) -> list[nn.Module]:
    """Build the stages, each a sequence of blocks, with a layer between two that doubles the channels (figure 3a).

    Args:
        embed_dim: Channels of the first stage.
        depths: Blocks in each stage.
        num_heads: Attention heads in each stage.
        window_size: Tokens of a window in each dimension; every second block shifts its windows by half of it.
        stochastic_depth_prob: Probability that a branch of the last block is dropped in training; it rises from 0.
        block: Called with channels, heads, `window_size`, `shift_size`, and `stochastic_depth_prob=`.
        downsample_layer: Called with the channels of the stage before.

    Raises:
        ValueError: The arguments cannot be stages.
    """
    if not depths or len(depths) != len(num_heads) or min(depths) < 1:
        raise ValueError(
            "depths and num_heads should have a positive number for each stage, "
            f"found {list(depths)} and {list(num_heads)}"
        )
    require_positive(embed_dim=embed_dim)
    probabilities = depth_ramp(stochastic_depth_prob, sum(depths))
    layers: list[nn.Module] = []
    for stage, (depth, heads) in enumerate(zip(depths, num_heads, strict=True)):
        if stage:
            layers.append(downsample_layer(embed_dim * 2 ** (stage - 1)))
        channels = embed_dim * 2**stage
        blocks = [
            block(channels, heads, window_size, _shift(window_size, index), stochastic_depth_prob=next(probabilities))
            for index in range(depth)
        ]
        layers.append(nn.Sequential(*blocks))
    return layers


def _shift(window_size: Sequence[int], index: int) -> list[int]:
    return [size // 2 if index % 2 else 0 for size in window_size]
