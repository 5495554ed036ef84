"""DropBlock.

Golnaz Ghiasi, Tsung-Yi Lin, Quoc V. Le: DropBlock: A Regularization Method for Convolutional Networks, 2018,
arXiv:1810.12890.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def drop_block2d(
    input: Tensor,  # noqa: A002 # the name that users know
    p: float,
    block_size: int,
    inplace: bool = False,
    eps: float = 1e-6,
    training: bool = True,
) -> Tensor:
    """Set squares of features to zero at random, and scale the others so that their sum is kept (algorithm 1).

    Args:
        input: `(N, C, H, W)`; each channel is dropped for itself.
        p: The share that is dropped, about, in [0, 1].
        block_size: Height and width of a square, odd; no more than the features are high or wide.
        inplace: Change `input` itself.
        eps: Added to the number of features that stay, which may be none.
        training: Otherwise nothing is done.

    Returns:
        A tensor of the shape of `input`.

    Raises:
        ValueError: `p` is another, `input` has other dimensions, or `block_size` is even or not positive.

    Example:
        >>> import torch
        >>> from zoo_core.layers import drop_block2d
        >>> drop_block2d(torch.ones(1, 1, 4, 4), p=0.5, block_size=3, training=False).sum()
        tensor(16.)
    """
    return _drop_blocks(input, p, block_size, 2, inplace=inplace, eps=eps, training=training)


def drop_block3d(
    input: Tensor,  # noqa: A002 # the name that users know
    p: float,
    block_size: int,
    inplace: bool = False,
    eps: float = 1e-6,
    training: bool = True,
) -> Tensor:
    """Set cubes of features to zero at random, and scale the others so that their sum is kept.

    Everything is as for `drop_block2d`, with features `(N, C, T, H, W)`.

    Example:
        >>> import torch
        >>> from zoo_core.layers import drop_block3d
        >>> drop_block3d(torch.ones(1, 1, 3, 4, 4), p=0.5, block_size=3, training=False).sum()
        tensor(48.)
    """
    return _drop_blocks(input, p, block_size, 3, inplace=inplace, eps=eps, training=training)


def _drop_blocks(
    features: Tensor, p: float, block_size: int, dimensions: int, *, inplace: bool, eps: float, training: bool
) -> Tensor:
    _check(p, block_size)
    if features.ndim != dimensions + 2:
        raise ValueError(f"input should be {dimensions + 2} dimensional. Got {features.ndim} dimensions.")
    if not training or p == 0.0 or features.numel() == 0:
        return features
    sides = features.shape[2:]
    block = min(block_size, *sides)
    places = [side - block + 1 for side in sides]
    share = p / block**dimensions  # of the places where a block may begin
    for side, number in zip(sides, places, strict=True):
        share = share * side / number
    begins = features.new_empty((*features.shape[:2], *places)).bernoulli_(min(share, 1.0))
    kept = 1 - _grown(begins, block, dimensions)
    scale = (kept.numel() / (eps + kept.sum(dtype=torch.float32))).to(kept.dtype)  # half precision ends at 65504
    return features.mul_(kept).mul_(scale) if inplace else features * kept * scale


def _grown(begins: Tensor, block: int, dimensions: int) -> Tensor:
    """Return ones where blocks are that begin at the ones of `begins`."""
    padded = F.pad(begins, [block - 1] * (2 * dimensions))
    pool = F.max_pool2d if dimensions == 2 else F.max_pool3d
    return pool(padded, block, stride=1)


def _check(p: float, block_size: int) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}.")
    if block_size < 1 or block_size % 2 == 0:
        raise ValueError(f"block size should be odd and positive. Got {block_size}.")


class DropBlock2d(nn.Module):
    """Does `drop_block2d` in training.

    Args:
        p: As for `drop_block2d`.
        block_size: Likewise.
        inplace: Likewise.
        eps: Likewise.

    Shape:
        `(N, C, H, W)` to the same.

    Raises:
        ValueError: `p` or `block_size` is another.

    Example:
        >>> import torch
        >>> from zoo_core.layers import DropBlock2d
        >>> DropBlock2d(0.1, 7).eval()(torch.ones(1, 1, 9, 9)).sum()
        tensor(81.)
    """

    is_one_node = True  # in graphs of zoo_core.features.create_feature_extractor

    def __init__(self, p: float, block_size: int, inplace: bool = False, eps: float = 1e-6) -> None:
        super().__init__()
        _check(p, block_size)
        self.p = p
        self.block_size = block_size
        self.inplace = inplace
        self.eps = eps

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 # the name that users know
        """Drop blocks of features, `(N, C, H, W)`; outside training nothing."""
        return drop_block2d(input, self.p, self.block_size, self.inplace, self.eps, self.training)

    def extra_repr(self) -> str:
        """Name the arguments."""
        return f"p={self.p}, block_size={self.block_size}, inplace={self.inplace}"


class DropBlock3d(DropBlock2d):
    """Does `drop_block3d` in training; arguments are those of `DropBlock2d`.

    Shape:
        `(N, C, T, H, W)` to the same.

    Example:
        >>> import torch
        >>> from zoo_core.layers import DropBlock3d
        >>> DropBlock3d(0.1, 3).eval()(torch.ones(1, 1, 3, 9, 9)).sum()
        tensor(243.)
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 # the name that users know
        """Drop blocks of features, `(N, C, T, H, W)`; outside training nothing."""
        return drop_block3d(input, self.p, self.block_size, self.inplace, self.eps, self.training)
