"""From a network prepared for quantization-aware training, as MobileNetV3's file holds it, to an int8 one.

Benoit Jacob, Skirmantas Kligys, Bo Chen, Menglong Zhu, Matthew Tang, Andrew Howard, Hartwig Adam, Dmitry Kalenichenko:
Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, 2017, arXiv:1712.05877.

Each layer has observed the range of its weight and of its result, as a moving average. From these come the scales, by
the formulas of torch's eager quantization.
"""

import re
from collections.abc import Container, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from zoo_core.checkpoints import QuantizedTensor
from zoo_core.errors import CheckpointError

from ._arithmetic import as_float32
from ._fusing import fusable
from ._kernels import Scaled

_OBSERVER = "activation_post_process"
_BOOKKEEPING = re.compile(
    rf"""\.(weight_fake_quant|{_OBSERVER})\.
    ({_OBSERVER}\.)?(fake_quant_enabled|observer_enabled|scale|zero_point|eps|min_val|max_val)
    |\.bn\.num_batches_tracked""",
    re.VERBOSE,
)
"""What a prepared network notes beside what is converted."""
_MOMENTUM = 0.01
"""Of the moving average of a weight's range."""
_LEAST, _GREATEST = -128, 127
"""The integers of a weight."""


def is_prepared(state: Mapping[str, Any]) -> bool:
    """Tell whether a state is of a network prepared for training."""
    return any(name.endswith(".weight_fake_quant.scale") for name in state)


def converted(model: nn.Module, state: Mapping[str, Tensor], source: str) -> dict[str, Any]:
    """Return the state of the int8 network.

    Args:
        model: The float network, before its layers are replaced, with what `building_int8` puts in.
        state: Of the network prepared for training.
        source: What it is called in messages.

    Raises:
        CheckpointError: It does not fit the network.
    """
    used: set[str] = set()
    try:
        found = dict(_entries(model, _Used(state, used)))
    except KeyError as error:
        raise CheckpointError(f"{source} does not fit {type(model).__name__}: missing {error}.") from None
    except RuntimeError as error:  # of shapes that do not fit together
        raise CheckpointError(f"{source} does not fit {type(model).__name__}: {error}") from None
    modules = dict(model.named_modules())
    unexpected = [name for name in state if name not in used and not _is_bookkeeping(name, modules)]
    if unexpected:
        raise CheckpointError(f"{source} does not fit {type(model).__name__}: unexpected {', '.join(unexpected[:8])}.")
    return found


class _Used(dict[str, Tensor]):
    """Notes what is looked up."""

    def __init__(self, state: Mapping[str, Tensor], used: set[str]) -> None:
        super().__init__(state)
        self._used = used

    def __getitem__(self, name: str) -> Tensor:
        self._used.add(name)
        return super().__getitem__(name)


def _is_bookkeeping(name: str, modules: Container[str]) -> bool:
    found = _BOOKKEEPING.search(name)
    return found is not None and found.end() == len(name) and name[: found.start()] in modules


def _entries(model: nn.Module, state: dict[str, Tensor]) -> Iterator[tuple[str, Any]]:
    norms = dict(_batch_norms(model))
    for name, layer in model.named_modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            weight, bias = _fused(layer, name, norms.get(name), state)
            quantised = _quantized(weight, f"{name}.weight_fake_quant", state)
            if isinstance(layer, nn.Conv2d):
                yield from ((f"{name}.weight", quantised), (f"{name}.bias", bias))
            else:
                yield f"{name}._packed_params._packed_params", (quantised, bias)
        elif not isinstance(layer, (nn.Hardswish, Scaled)):
            continue
        scale, zero_point = _scale_of_activations(f"{name}.{_OBSERVER}.{_OBSERVER}", state)
        yield from ((f"{name}.scale", scale), (f"{name}.zero_point", zero_point))


def _batch_norms(model: nn.Module) -> Iterator[tuple[str, nn.BatchNorm2d]]:
    """Yield the names of convolutions, and the batch norms that follow them."""
    for prefix, module in model.named_modules():
        for first, *others in fusable(module):
            for other in others:
                norm = module.get_submodule(other)
                if isinstance(norm, nn.BatchNorm2d):
                    yield f"{prefix}.{first}" if prefix else first, norm


def _fused(
    layer: nn.Conv2d | nn.Linear, name: str, norm: nn.BatchNorm2d | None, state: dict[str, Tensor]
) -> tuple[Tensor, Tensor | None]:
    """Return the weight and the bias of a layer with its batch norm."""
    weight = state[f"{name}.weight"]
    bias = None if layer.bias is None else state[f"{name}.bias"]
    if norm is None:
        return weight, bias
    mean, variance, scale, shift = (
        state[f"{name}.bn.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
    )
    fused_weight, fused_bias = fuse_conv_bn_weights(weight, bias, mean, variance, norm.eps, scale, shift)
    return fused_weight.detach(), fused_bias.detach()


def _quantized(weight: Tensor, observer: str, state: dict[str, Tensor]) -> QuantizedTensor:
    """Quantise a weight symmetrically, in the range that was observed, and once more now."""
    lowest, highest, least_scale = (state[f"{observer}.{_OBSERVER}.{part}"] for part in ("min_val", "max_val", "eps"))
    if state[f"{observer}.observer_enabled"].bool().all():
        lowest = _averaged(lowest, weight.min())
        highest = _averaged(highest, weight.max())
    greatest = torch.max(-lowest.clamp(max=0), highest.clamp(min=0)).reshape(())
    if torch.isinf(greatest):
        greatest = torch.tensor((_GREATEST - _LEAST) / 2)
    scale = torch.max(greatest / ((_GREATEST - _LEAST) / 2), least_scale.reshape(()))
    integers = (weight * as_float32(1 / float(scale))).round_().clamp_(_LEAST, _GREATEST).to(torch.int8)
    return QuantizedTensor(integers, scale.double(), torch.tensor(0))


def _averaged(past: Tensor, now: Tensor) -> Tensor:
    return now if torch.isinf(past).all() else past + _MOMENTUM * (now - past)


def _scale_of_activations(observer: str, state: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return scale and zero point for activations in the range that was observed; of what never was, one and zero."""
    lowest, highest, least_scale = (state[f"{observer}.{part}"].reshape(()) for part in ("min_val", "max_val", "eps"))
    if lowest > highest:
        return torch.tensor(1.0), torch.tensor(0)
    lowest, highest = lowest.clamp(max=0), highest.clamp(min=0)
    scale = torch.max((highest - lowest) / 255.0, least_scale)
    return scale, (-torch.round(lowest / scale)).clamp_(0, 255).long()
