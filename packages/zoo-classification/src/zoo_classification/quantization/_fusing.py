"""Which layers of a network are computed as one: a convolution, its batch norm, and its ReLU."""

import re
from collections.abc import Iterator

from torch import nn

_KINDS = {nn.Conv2d: "c", nn.BatchNorm2d: "n", nn.ReLU: "r"}


def fusable(module: nn.Module) -> Iterator[list[str]]:
    """Yield the names of each convolution among a module's children, and of what follows it and can be fused with it.

    A module computes its children in their order, or has an attribute `computed` that tells their order.
    """
    children = dict(module.named_children())
    for names in getattr(module, "computed", (tuple(children),)):
        text = "".join(_KINDS.get(type(children[name]), "-") for name in names)
        for found in re.finditer("cnr?|cr", text):
            yield list(names[found.start() : found.end()])


def replace_relus(module: nn.Module) -> None:
    """Make all ReLUs plain ones: not in place, since observers look at what comes before, and without bound."""
    for name, child in module.named_children():
        if isinstance(child, (nn.ReLU, nn.ReLU6)):
            setattr(module, name, nn.ReLU())
        replace_relus(child)
