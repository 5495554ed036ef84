"""The layers of a network, counted from its input: by blocks, with the stem as the first and the head as the last."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from torch import nn

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def layer_depths(model: nn.Module) -> dict[str, int]:
    """Return the layer that each parameter is of.

    Blocks are the outermost modules with several weights that are not the network's frame: residual blocks, inception
    modules, blocks of transformers. What comes before the first is the stem, layer 0; what comes between two, as
    downsampling, is of the next, and what comes after the last is the head, the last layer. So is whatever the network
    says is a classifier or auxiliary, with what stands around it, and, of a network with a `backbone`, all else. Where
    there are no blocks, each layer with a weight counts as one.
    """
    units = dict(_units(model))
    heads = tuple(f"{name}." for name in _heads(model))
    body = {name: unit for name, unit in units.items() if not name.startswith(heads)}
    weights = _weights(model)
    blocks = list(dict.fromkeys(unit for unit in body.values() if unit and weights[unit] > 1))
    if blocks:
        depths, head = _by_blocks(body, blocks), len(blocks) + 1
    else:
        depths = _by_weights(body, {name for name, parameter in model.named_parameters() if parameter.ndim > 1})
        head = max(depths.values(), default=-1) + 1
    return {name: depths.get(name, head) for name in units}


def _by_blocks(body: Mapping[str, str], blocks: Sequence[str]) -> dict[str, int]:
    places = {unit: place for place, unit in enumerate(blocks, start=1)}
    depths, last = {}, 0
    for name, unit in body.items():
        last = places.get(unit, last)
        depths[name] = last if unit in places or not last else last + 1
    return depths


def _by_weights(body: Mapping[str, str], weights: set[str]) -> dict[str, int]:
    """Count each layer with a weight, and what is after it, as one; what is before the first belongs to it."""
    depths: dict[str, int] = {}
    seen: set[str] = set()
    for name, unit in body.items():
        if name in weights:
            seen.add(unit)
        depths[name] = max(len(seen) - 1, 0)
    return depths


def _heads(model: nn.Module) -> set[str]:
    """Return the names of children that a network says are not of its body."""
    if isinstance(getattr(model, "backbone", None), nn.Module):
        return {name for name, _ in model.named_children()} - {"backbone"}
    stated = (*getattr(model, "classifiers", ()), *getattr(model, "auxiliaries", ()))
    return {name.partition(".")[0] for name in stated}


def _units(model: nn.Module) -> Iterator[tuple[str, str]]:
    """Yield each parameter with the outermost module around it that is not of the frame; "" where there is none."""
    frame = _frame(model)
    for name, _ in model.named_parameters():
        yield name, next((prefix for prefix in _prefixes(name) if prefix not in frame), "")


def _frame(model: nn.Module) -> set[str]:
    """Return the modules that only hold others: containers, a backbone, and what is unique and has blocks inside."""
    modules = dict(model.named_modules())
    kinds = Counter(map(type, modules.values()))
    weights = _weights(model)
    large = [name for name, module in modules.items() if weights[name] > 1 and not isinstance(module, CONTAINERS)]
    inside = _counted_around(large)
    frame = {"", "backbone"}
    for name, module in modules.items():
        is_holder = isinstance(module, CONTAINERS) or (kinds[type(module)] == 1 and inside[name] > 1)
        if is_holder and name.rpartition(".")[0] in frame:
            frame.add(name)
    return frame


def _weights(model: nn.Module) -> Counter[str]:
    """Return how many weights of more than one dimension are in each module."""
    return _counted_around(name for name, parameter in model.named_parameters() if parameter.ndim > 1)


def _counted_around(names: Iterable[str]) -> Counter[str]:
    return Counter(prefix for name in names for prefix in _prefixes(name))


def _prefixes(name: str) -> list[str]:
    """Return the names of the modules around something, the outermost first, without the network itself."""
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]
