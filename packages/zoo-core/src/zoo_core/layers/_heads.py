"""Heads of attention.

Ashish Vaswani, Noam Shazeer, Niki Parmar, Jakob Uszkoreit, Llion Jones, Aidan N. Gomez, Lukasz Kaiser, Illia
Polosukhin: Attention Is All You Need, 2017, arXiv:1706.03762.

Shapes: N sequences of T tokens, in heads of D channels each.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None = None,
    dropout: float = 0.0,
    scale: float | None = None,
) -> Tensor:
    """Attend as `torch.nn.functional.scaled_dot_product_attention` does (equation 1), in forward-mode AD, too.

    Args:
        query: `(N, heads, T, D)`.
        key: `(N, heads, T', D)`.
        value: `(N, heads, T', D)`.
        bias: What is added to the scores, which it is broadcast to, `(N, heads, T, T')`.
        dropout: Probability that an attention weight is dropped, now.
        scale: What the products are multiplied with; `D ** -0.5` if not given.

    Returns:
        `(N, heads, T, D)`.

    Example:
        >>> import torch
        >>> from zoo_core.layers import attend
        >>> attend(torch.zeros(1, 2, 5, 8), torch.zeros(1, 2, 7, 8), torch.ones(1, 2, 7, 8)).shape
        torch.Size([1, 2, 5, 8])
    """
    if torch.jit.is_scripting() or torch.compiler.is_compiling():  # type: ignore[attr-defined]
        return F.scaled_dot_product_attention(query, key, value, bias, dropout, scale=scale)
    return _attend_in_any_mode(query, key, value, bias, dropout, scale)


@torch.jit.unused
def _attend_in_any_mode(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, dropout: float, scale: float | None
) -> Tensor:
    try:
        return F.scaled_dot_product_attention(query, key, value, bias, dropout, scale=scale)
    except NotImplementedError:  # the kernel knows no forward-mode AD
        scores = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
        weights = (scores if bias is None else scores + bias).softmax(-1)
        return F.dropout(weights, dropout) @ value


def join_heads(attended: Tensor) -> Tensor:
    """Join what the heads have computed, `(N, heads, T, D)` to `(N, T, heads * D)`.

    A program that is recorded always has a copy here: kernels of attention differ in how they lay out their results,
    and recorded views of one kernel's would not fit another's.

    Example:
        >>> import torch
        >>> from zoo_core.layers import join_heads
        >>> join_heads(torch.zeros(2, 3, 49, 32)).shape
        torch.Size([2, 49, 96])
    """
    tokens = attended.transpose(1, 2)
    if not torch.jit.is_scripting() and torch.compiler.is_compiling():  # type: ignore[attr-defined]
        tokens = tokens.clone(memory_format=torch.contiguous_format)
    return tokens.flatten(2)
