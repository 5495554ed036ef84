"""Low-rank adapters: small matrices learn beside those of a transformer's blocks, and are added to them in the end.

Edward J. Hu, Yelong Shen, Phillip Wallis, Zeyuan Allen-Zhu, Yuanzhi Li, Shean Wang, Lu Wang, Weizhu Chen: LoRA:
Low-Rank Adaptation of Large Language Models, 2021, arXiv:2106.09685. The adapters are those of the package peft.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from zoo_core.layers import MLP
from zoo_core.tuning import freeze

RATE = 10
"""How much greater the usual learning rate of adapters is, which begin at zero."""

_STAND_IN = "_layer"
"""What is put behind a method's name for the layer that takes its place."""


def require_adaptable(network: nn.Module) -> None:
    """Raise an error if a network cannot be adapted, or adapters are not installed.

    Raises:
        ValueError: It is so.
    """
    if not any(_adaptable(network)):
        raise ValueError(
            f"{type(network).__name__} has no blocks of attention and a perceptron that lora could adapt, as "
            "ViT and Swin have: leave out lora, or choose one of these."
        )
    _peft()


def add_adapters(network: nn.Module, rank: int) -> list[str]:
    """Put adapters beside the linear layers of a network's blocks, in place; they and the classifiers alone train.

    They change nothing before they have learnt. What attention keeps as a method, with a weight of its own
    (`linear_methods`), is done by a layer with the same weight until `merge_adapters`.

    Args:
        network: A transformer.
        rank: Of the adapters.

    Returns:
        The names of the layers that have adapters.

    Raises:
        ValueError: There are no blocks, the network does not say what its classifiers are, or peft is not installed.
    """
    require_adaptable(network)
    peft = _peft()
    names = [*_adaptable(network)]
    trained = freeze(network)
    stand_ins = [*_methods(network)]
    for owner, method, (weight, bias) in stand_ins:
        owner.add_module(method + _STAND_IN, _layer(weight, bias))
    exactly = "|".join(map(re.escape, names))
    peft.inject_adapter_in_model(peft.LoraConfig(r=rank, lora_alpha=rank, target_modules=exactly), network)
    for owner, method, _ in stand_ins:
        # Beside the class's method, which it hides; a child alone would be found after it.
        object.__setattr__(owner, method, owner.get_submodule(method + _STAND_IN))
    for name in trained:
        network.get_parameter(name).requires_grad = True
    return names


@torch.no_grad()
def merge_adapters(network: nn.Module) -> nn.Module:
    """Add what adapters have learnt to the weights beside them, and take them away, in place.

    The network is then what it was without adapters, with other weights. Its scores are those that it had with them,
    within rounding: some millionths of the greatest in float32, for one product is computed in place of two.

    Args:
        network: What `Prepared.network` returned for a recipe with `lora`; others stay as they are.

    Returns:
        The network.

    Example:
        >>> from zoo_classification import resnet18
        >>> from zoo_training import merge_adapters
        >>> merge_adapters(resnet18()).num_classes
        1000
    """
    if not hasattr(network, "peft_config"):
        return network
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, layer in [*network.named_modules()]:
        if isinstance(layer, BaseTunerLayer):
            layer.merge()
            network.set_submodule(name, layer.get_base_layer())
    for owner, method, _ in [*_methods(network)]:
        delattr(owner, method + _STAND_IN)
        object.__delattr__(owner, method)
    del network.peft_config
    return network


def _peft() -> Any:  # the module
    try:
        import peft
    except ImportError as error:
        raise ValueError(
            f"lora needs the adapters of peft, which cannot be imported ({error}): pip install 'zoo-training[lora]'."
        ) from error
    return peft


def _parts(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the perceptron of each block, and what stands beside it."""
    for name, block in network.named_modules():
        children = dict(block.named_children())
        if any(isinstance(child, MLP) for child in children.values()):
            yield from ((f"{name}.{child}".lstrip("."), module) for child, module in children.items())


def _adaptable(network: nn.Module) -> Iterator[str]:
    """Yield the names of the linear layers in blocks, with those that are to take the place of methods."""
    for name, part in _parts(network):
        methods = _linear_methods(part)
        replaced = {id(weight) for weight, _ in methods.values()}
        for child, layer in part.named_children():
            if isinstance(layer, nn.Linear) and id(layer.weight) not in replaced:
                yield f"{name}.{child}"
        yield from (f"{name}.{method}{_STAND_IN}" for method in methods)


def _methods(network: nn.Module) -> Iterator[tuple[nn.Module, str, tuple[Tensor, Tensor | None]]]:
    """Yield the methods in blocks that are linear layers: whose, their names, weights and biases."""
    for _, part in _parts(network):
        for method, tensors in _linear_methods(part).items():
            yield part, method, tensors


def _linear_methods(part: nn.Module) -> Mapping[str, tuple[Tensor, Tensor | None]]:
    methods = getattr(part, "linear_methods", None)
    return {} if methods is None else methods()


def _layer(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """Return a layer with these very tensors."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    layer.weight = _parameter(weight)
    if bias is not None:
        layer.bias = _parameter(bias)
    return layer


def _parameter(tensor: Tensor) -> nn.Parameter:
    return tensor if isinstance(tensor, nn.Parameter) else nn.Parameter(tensor.detach(), requires_grad=False)
