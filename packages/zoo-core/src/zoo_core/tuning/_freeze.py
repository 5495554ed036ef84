"""Freezing the first layers of a network."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn


def freeze(model: nn.Module, until: str | None = None, *, example: Sequence[Any] | None = None) -> list[str]:
    """Freeze the parameters of what comes before a module: they get no gradients.

    What comes after it stays as it is, so a second call can freeze more, and `model.requires_grad_(True)` thaws all.
    In place of `model.train()` call `train_unfrozen(model)`: batch norm then keeps its statistics where it is frozen.

    Args:
        model: The network.
        until: The first module that trains, by its name, as `model.named_modules()` has it: a stage as `layer3` or
            `features.5`, a block, or a layer. By default the classifiers, so that all else is frozen.
        example: What the network is called with, for one that does not define its modules in the order in which it uses
            them: it is run with it, once, to see the order. Those of zoo define their blocks in order.

    Returns:
        The names of the parameters that still train.

    Raises:
        ValueError: The network has no such module, does not use it for the example, or does not say what its
            classifiers are.

    Example:
        >>> from zoo_classification import resnet18
        >>> from zoo_core.tuning import freeze
        >>> freeze(resnet18())
        ['fc.weight', 'fc.bias']
        >>> freeze(resnet18(), until="layer4.1.conv2")
        ['layer4.1.conv2.weight', 'layer4.1.bn2.weight', 'layer4.1.bn2.bias', 'fc.weight', 'fc.bias']
    """
    if until is None:
        main_classifier(model)  # or says that there is none
        classifiers = tuple(getattr(model, "classifiers", ()))
        trained = {name for name in _modules(model) if _is_in(name, classifiers)}
    else:
        trained = _from(model, until, example)
    for name, parameter in model.named_parameters():
        if name.rpartition(".")[0] not in trained:
            parameter.requires_grad = False
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad]


def train_unfrozen(model: nn.Module) -> None:
    """Put a network into training mode, but for what is frozen: there batch norm keeps its statistics.

    That is each module with parameters none of which trains, and, where some are frozen, each without parameters before
    the first that trains: nothing is dropped there.

    Example:
        >>> from zoo_classification import resnet18
        >>> from zoo_core.tuning import freeze, train_unfrozen
        >>> model = resnet18()
        >>> trained = freeze(model, until="layer4")
        >>> train_unfrozen(model)
        >>> model.bn1.training, model.layer4[0].bn1.training
        (False, True)
    """
    model.train()
    if all(parameter.requires_grad for parameter in model.parameters()):
        return
    is_before = True
    for module in model.modules():
        trains = [parameter.requires_grad for parameter in module.parameters()]
        is_before = is_before and not any(each.requires_grad for each in module.parameters(recurse=False))
        if not any(trains) and (trains or is_before):
            module.eval()


def _from(model: nn.Module, until: str, example: Sequence[Any] | None) -> set[str]:
    """Return the modules from one on."""
    names = _modules(model)
    if until not in names or not until:
        near = [name for name in names if name and name.count(".") == until.count(".")]
        raise ValueError(f"{type(model).__name__} has no module {until!r}: it has {', '.join(near[:20])}.")
    if example is None:
        places: Mapping[str, int] = {name: place for place, name in enumerate(names)}
    else:
        places = _places_of_use(model, names, example)
    if until not in places:
        raise ValueError(f"{type(model).__name__} does not use {until!r} for the example.")
    return {name for name in names if places.get(name, -1) >= places[until]}


def _places_of_use(model: nn.Module, names: Sequence[str], example: Sequence[Any]) -> dict[str, int]:
    """Return when each module is first called; what is never called counts as what is in it, or as what it is in."""
    places: dict[str, int] = {}

    def note(name: str) -> None:
        places.setdefault(name, len(places))

    hooks = [
        module.register_forward_pre_hook(lambda *_, name=name: note(name)) for name, module in model.named_modules()
    ]
    training = {module: module.training for module in model.modules()}
    try:
        with torch.no_grad():
            model.eval()(*example)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in training.items():
            module.training = mode
    called = dict(places)
    for name in names:
        if name not in called:
            inside = [place for other, place in called.items() if other.startswith(f"{name}.")]
            around = name.rpartition(".")[0]
            if inside:
                places[name] = min(inside)
            elif around and around in places:
                places[name] = places[around]
    return places


def _modules(model: nn.Module) -> list[str]:
    return [name for name, _ in model.named_modules()]


def _is_in(name: str, modules: Sequence[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def main_classifier(model: nn.Module) -> str:
    """Return the name of the module that gives a classification network's scores: its last layer.

    Raises:
        ValueError: The network does not say.

    Example:
        >>> from zoo_classification import googlenet
        >>> from zoo_core.tuning import main_classifier
        >>> main_classifier(googlenet(init_weights=False))
        'fc'
    """
    classifiers = tuple(getattr(model, "classifiers", ()))
    if not classifiers:
        raise ValueError(f"{type(model).__name__} does not say which of its modules gives the scores of classes.")
    name: str = classifiers[0]
    return name
