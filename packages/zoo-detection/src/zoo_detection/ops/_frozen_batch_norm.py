"""Batch normalisation that does not learn."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class FrozenBatchNorm2d(nn.Module):
    """A batch norm whose statistics and affine parameters are fixed, so that it is one multiplication and addition.

    `weight`, `bias`, `running_mean` and `running_var` are buffers. A file of a trained batch norm loads: its
    `num_batches_tracked` is ignored.

    Args:
        num_features: Channels, C.
        eps: Added to the variance; in [0, 1). May be changed later.

    Shape:
        `(N, C, H, W)` to the same.

    Example:
        >>> import torch
        >>> from zoo_detection.ops import FrozenBatchNorm2d
        >>> FrozenBatchNorm2d(8)(torch.zeros(1, 8, 4, 4)).shape
        torch.Size([1, 8, 4, 4])
    """

    is_one_node = True  # in graphs of zoo_core.features.create_feature_extractor

    is_batch_norm = True  # so that zoo_core.inference folds it

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", torch.ones(num_features))
        self.register_buffer("bias", torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        state_dict.pop(f"{prefix}num_batches_tracked", None)  # type: ignore[attr-defined] # load_state_dict copied it
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `x`, `(N, C, H, W)`."""
        if torch.is_grad_enabled() and x.requires_grad:  # batch_norm would keep x for parameters that do not learn
            scale = self.weight * (self.running_var + self.eps).rsqrt()
            shift = self.bias - self.running_mean * scale
            return x * scale.to(x.dtype)[:, None, None] + shift.to(x.dtype)[:, None, None]
        return torch.batch_norm(  # not that of nn.functional, which refuses an epsilon of 0 in PyTorch 2.10
            x,
            self.weight,
            self.bias,
            self.running_mean,
            self.running_var,
            training=False,
            momentum=0.0,
            eps=self.eps,
            cudnn_enabled=torch.backends.cudnn.enabled,
        )

    def extra_repr(self) -> str:
        """Name the arguments."""
        return f"{self.weight.shape[0]}, eps={self.eps}"
