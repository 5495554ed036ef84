"""Parameters in groups, as optimisers take them: without decay, or with smaller steps, where that is better."""

import re
from collections.abc import Collection
from typing import Any

from torch import nn

from ._layers import layer_depths

_UNDECAYED = re.compile(r"(^|\.)([^.]*(pos_|_pos|position|token)[^.]*$|cpb_mlp\.)")
"""Tokens, embeddings and tables of positions, by their names; the networks that compute tables."""


def parameter_groups(
    model: nn.Module, lr: float, weight_decay: float = 0.0, *, layer_decay: float = 1.0
) -> list[dict[str, Any]]:
    """Return the parameters that train in groups for an optimiser of torch's.

    Biases, the parameters of normalisation, scales of layers, class tokens, and embeddings and tables of positions are
    not decayed; nor is what the network itself names in a method `no_weight_decay`, as networks of timm do.

    Args:
        model: The network.
        lr: Learning rate of the last layers.
        weight_decay: Of the others.
        layer_decay: By what the learning rate shrinks from each layer to the one before it: the head, the last block
            (`layer4.1`, `encoder.layers.encoder_layer_11`), and so on to the stem. Of a network with a `backbone`, as a
            detector, the head is all else. 1.0 is the same for all.

    Returns:
        Groups with `"params"`, `"lr"`, `"weight_decay"` and `"names"`.

    Raises:
        ValueError: `layer_decay` is not in (0, 1], or no parameter trains.

    Example:
        >>> from zoo_classification import resnet18
        >>> from zoo_core.tuning import parameter_groups
        >>> [group["weight_decay"] for group in parameter_groups(resnet18(), lr=0.1, weight_decay=1e-4)]
        [0.0001, 0.0]
        >>> sorted({round(group["lr"], 4) for group in parameter_groups(resnet18(), lr=0.1, layer_decay=0.5)})[-3:]
        [0.025, 0.05, 0.1]
    """
    if not 0 < layer_decay <= 1:
        raise ValueError(f"layer_decay is in (0, 1], found {layer_decay}.")
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    if not named:
        raise ValueError("No parameter of the model trains: all are frozen.")
    depths = layer_depths(model)
    last = max(depths.values())
    undecayed: Collection[str] = getattr(model, "no_weight_decay", set)()
    groups: dict[tuple[float, float], dict[str, Any]] = {}
    for name, parameter in named:
        rate = lr * layer_decay ** (last - depths[name])
        decay = weight_decay if _is_decayed(name, parameter) and name not in undecayed else 0.0
        group = groups.setdefault((rate, decay), {"params": [], "lr": rate, "weight_decay": decay, "names": []})
        group["params"].append(parameter)
        group["names"].append(name)
    return list(groups.values())


def _is_decayed(name: str, parameter: nn.Parameter) -> bool:
    """Tell whether decay makes sense for a parameter: a weight, but for those that compute a position bias."""
    is_vector = parameter.ndim <= 1 or (parameter.numel() == max(parameter.shape) and not name.endswith("weight"))
    return not is_vector and _UNDECAYED.search(name) is None
