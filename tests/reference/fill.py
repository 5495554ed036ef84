"""Parameters and inputs of the reference outputs.

Every number depends only on a name and a shape, so a model has the same parameters however it was built. The formulas
are part of the reference: another order of draws gives other numbers.
"""

import math
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

_GAINS = (
    (0.5, (".cls_", ".classification_head.module_list.")),  # class scores that spread but do not saturate
    (0.05, (".bbox_", ".regression_head.module_list.")),  # boxes near their anchors
)


def value(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the float32 array of `shape` that belongs to the tensor `name` of a state dict."""
    rng = _generator(name)
    kind = name.rpartition(".")[2]
    if kind == "running_var":
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    if kind == "weight" and len(shape) <= 1:
        return rng.uniform(0.5, 1.0, shape).astype(np.float32)
    normal = rng.standard_normal(shape, dtype=np.float32)
    if kind == "running_mean":
        return (0.1 * normal).astype(np.float32)
    if len(shape) <= 1:
        return (0.05 * normal).astype(np.float32)
    kernel: NDArray[np.float64] = _gain(name) * normal / np.sqrt(math.prod(shape[1:]))
    return kernel.astype(np.float32)


def fill_(model: nn.Module) -> nn.Module:
    """Set every parameter and all of every batch norm, frozen or not; other buffers stay. Ends in eval."""
    parameters = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    with torch.no_grad():
        for name, tensor in model.state_dict(keep_vars=True).items():
            statistic = name.endswith((".running_mean", ".running_var"))
            frozen_affine = tensor.is_floating_point() and name.endswith((".weight", ".bias"))
            if name in parameters or statistic or frozen_affine:
                tensor.copy_(torch.from_numpy(value(name, tuple(tensor.shape))))
    return model.eval()


def calibrate_(model: nn.Module, *inputs: object) -> nn.Module:
    """Set the statistics of every batch norm to those of one pass over `inputs`, or signals fade in deep networks.

    Only the batch norms are in training mode meanwhile, so nothing random happens. Ends in eval.
    """
    layers = [layer for layer in model.eval().modules() if isinstance(layer, _BatchNorm)]
    if not layers:
        return model
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.train().momentum = 1.0
    with torch.no_grad():
        model(*inputs)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.eval().momentum = momentum
    return model


def image_batch(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """Return float32, standard normal."""
    return torch.from_numpy(_generator(f"image_batch{seed}").standard_normal(shape, dtype=np.float32))


def unit_image(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """Return float32, uniform in [0, 1)."""
    return torch.from_numpy(_generator(f"unit_image{seed}").random(shape, dtype=np.float32))


def photo(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return (height, width, 3), uint8: waves of colour, a disc with a sharp edge, and noise."""
    rng = _generator(f"photo{seed}")
    channels = [_channel(rng, phase, height, width) for phase in range(3)]
    return np.clip(np.rint(np.stack(channels, axis=-1)), 0, 255).astype(np.uint8)


def _channel(rng: np.random.Generator, phase: int, height: int, width: int) -> NDArray[np.float64]:
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    a, b, p, q = rng.uniform(0.01, 0.15, 4)
    waves = 128 + 60 * np.sin(a * x + b * y + phase) + 40 * np.cos(p * x - q * y)
    centre_x, centre_y = width * rng.uniform(0.3, 0.7), height * rng.uniform(0.3, 0.7)
    disc = (x - centre_x) ** 2 + (y - centre_y) ** 2 < (0.2 * min(height, width)) ** 2
    pixels: NDArray[np.float64] = np.where(disc, 255 - waves, waves) + rng.normal(0, 6, (height, width))
    return pixels


def _gain(name: str) -> float:
    return next((gain for gain, parts in _GAINS if any(part in name for part in parts)), math.sqrt(2))


def _generator(name: str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(crc32(name.encode())))
