"""The optimiser of a recipe, and what it leaves alone."""

import torch
from torch import nn

from zoo_core.tuning import parameter_groups

from ._recipe import Recipe


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimiser of what trains in a network; each group has its greatest learning rate."""
    groups = parameter_groups(model, recipe.lr, recipe.weight_decay, layer_decay=recipe.layer_decay)
    for group in groups:
        group["greatest_lr"] = group["lr"]
        del group["names"]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=recipe.momentum, nesterov=recipe.momentum > 0, fused=True)
    return torch.optim.AdamW(groups, fused=True)


def set_rate(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Give each group a share of its greatest learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = group["greatest_lr"] * share
