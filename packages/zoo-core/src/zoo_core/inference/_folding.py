"""Batch norms folded into the layers before them.

Benoit Jacob, Skirmantas Kligys, Bo Chen, Menglong Zhu, Matthew Tang, Andrew Howard, Hartwig Adam, Dmitry Kalenichenko:
Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, 2017, arXiv:1712.05877,
section 3.2.

A class of anybody's takes part with `is_batch_norm = True`: in evaluation mode it computes what `nn.BatchNorm2d` does
with its `running_mean`, `running_var`, `eps`, `weight` and `bias`.
"""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights, fuse_linear_bn_weights

from ._recording import Recording, replace

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_FOLDABLE = (nn.Conv1d, nn.Conv2d, nn.Conv3d, *_TRANSPOSED, nn.Linear)


def fold_batch_norms(model: nn.Module, recording: Recording) -> int:
    """Fold, in place, each batch norm that alone follows a convolution or linear layer; return how many there were."""
    folded = 0
    for layer in recording.ran:
        norm = recording.follower(layer, nn.Module)
        if norm is not None and _is_foldable(layer, recording) and _is_fixed_norm(norm):
            _fold(layer, norm)
            replace(model, norm, nn.Identity())
            folded += 1
    return folded


def _is_foldable(layer: nn.Module, recording: Recording) -> bool:
    """Tell whether a norm of a layer's channels can go into it; of tokens (N, L, C), it would not norm channels."""
    if isinstance(layer, _TRANSPOSED) and layer.groups > 1:  # torch's fusion knows one group
        return False
    return type(layer) in _FOLDABLE and recording.are_batches(layer)


def _is_fixed_norm(layer: nn.Module) -> bool:
    """Tell whether a layer is a batch norm with statistics of its own, torch's or one that says so itself."""
    is_norm = isinstance(layer, _BatchNorm) or getattr(layer, "is_batch_norm", False)
    return is_norm and not layer.training and getattr(layer, "running_mean", None) is not None


def _fold(layer: nn.Module, norm: nn.Module) -> None:
    statistics = (norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
    if isinstance(layer, nn.Linear):
        weight, bias = fuse_linear_bn_weights(layer.weight, layer.bias, *statistics)  # type: ignore[arg-type]
    else:
        transpose = isinstance(layer, _TRANSPOSED)
        weight, bias = fuse_conv_bn_weights(layer.weight, layer.bias, *statistics, transpose)  # type: ignore[arg-type]
    for parameter in (weight, bias):
        parameter.requires_grad = False
    layer.weight, layer.bias = weight, bias
