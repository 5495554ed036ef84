"""What a name stands for, and what to say when it is not known."""

from collections.abc import Iterable
from importlib import import_module
from operator import attrgetter
from typing import Any


def load_reference(reference: str) -> Any:  # whatever it is
    """Import what `"module:name"` stands for; the name may have dots.

    Raises:
        ValueError: It has another form.

    Example:
        >>> from zoo_core.names import load_reference
        >>> load_reference("zoo_classification:ResNet18_Weights.DEFAULT")
        ResNet18_Weights.IMAGENET1K_V1
    """
    module, _, name = reference.partition(":")
    if not (module and name):
        raise ValueError(f"Expected 'module:name', found {reference!r}.")
    return attrgetter(name)(import_module(module))


class Later:
    """Stands for a module in annotations, where type checkers see an import: `typing.get_type_hints` imports it.

    Example:
        >>> from typing import get_type_hints
        >>> from zoo_core.names import Later
        >>> nn = Later("torch.nn")
        >>> def first(network: "nn.Sequential") -> "nn.Module": ...
        >>> get_type_hints(first)["return"]
        <class 'torch.nn.modules.module.Module'>
    """

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:  # whatever it is
        return getattr(import_module(self._module), name)


def closest(name: str, known: Iterable[str], count: int = 3) -> str:
    """Return the tail of an error message: the known names nearest to `name`, or nothing when none is near.

    Example:
        >>> from zoo_core.names import closest
        >>> closest("resnet500", ["resnet50", "vgg11"])
        ' Did you mean resnet50?'
    """
    import difflib

    by_lower = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.lower(), by_lower, n=count, cutoff=0.5)
    if not matches:
        return ""
    return f" Did you mean {' or '.join(by_lower[match] for match in matches)}?"
