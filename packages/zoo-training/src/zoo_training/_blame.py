"""Which samples make a loss that is not a number."""

from typing import Any

import torch
from torch import nn

from ._training import Batch, Training


class TrainingError(RuntimeError):
    """Training cannot go on. The text says where it is, and what may help."""


def blame(training: Training[Any], model: nn.Module, batch: Batch) -> tuple[list[str], bool]:
    """Return the names of the samples whose own loss is not a number, and whether they are known to be at fault.

    Where none is by itself, or all are, or single ones cannot be computed, all are named. The network is of no use
    afterwards.
    """
    modes = {module: module.training for module in model.modules()}
    for module in modes:
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            _mend(module.eval())  # one sample has no statistics
    try:
        with torch.no_grad():
            found = [
                batch.names[place] for place in range(len(batch)) if _is_broken(training, model, batch.only(place))
            ]
    except Exception:  # noqa: BLE001 # of whatever kind: the loss is what is to be told of
        found = []
    for module, mode in modes.items():
        module.training = mode
    return (found, True) if 0 < len(found) < len(batch) else (list(batch.names), False)


def _mend(module: nn.modules.batchnorm._BatchNorm) -> None:
    """Take what is not a number out of the statistics: the batch at fault has left it there."""
    if module.running_mean is not None and module.running_var is not None:
        module.running_mean.nan_to_num_(0.0, 0.0, 0.0)
        module.running_var.nan_to_num_(1.0, 1.0, 1.0)


def _is_broken(training: Training[Any], model: nn.Module, batch: Batch) -> bool:
    losses = training.loss(model, batch)
    return not all(bool(torch.isfinite(value)) for value in losses.values())
