"""What stands for a name of torchvision in zoo's packages, by the table of names that the stand-in is made of."""

from typing import NamedTuple

from zoo_torchvision._table import ROOT, hint, modules, names_of

_AS_THEY_ARE = ("datasets", "io", "transforms")
"""Modules that zoo-torchvision alone has, for programs that import torchvision."""
_PRESETS = f"{ROOT}.transforms._presets"
_PUBLIC = {"zoo_torchvision._models:list_models": "zoo_core:list_models"}
"""What the stand-in has in a form that takes torchvision's modules, and the function that takes zoo's."""

STAND_IN_ONLY = "only zoo-torchvision has it: python -m zoo_torchvision runs the program without torchvision"
NOWHERE = "zoo has none: it needs torchvision"
ELSEWHERE = "zoo has none: docs/compatibility.md says why"


class Replacement(NamedTuple):
    """A name that is in zoo: torchvision's full name, zoo's module, and the name in it."""

    theirs: str
    module: str
    name: str


class Whole(NamedTuple):
    """A module of torchvision, of which zoo has the names, or some of them."""

    theirs: str


class Unknown(NamedTuple):
    """A name or a module that is not in zoo's packages, and why."""

    theirs: str
    reason: str


def look_up(dotted: str, module: str = ROOT) -> Replacement | Whole | Unknown:
    """Return what a dotted name of torchvision is here, as far as the table knows its parts.

    Args:
        dotted: The full name, and perhaps attributes of it: `torchvision.models.ResNet50_Weights.DEFAULT`.
        module: A module that it is known to begin with. In others, a function hides a module of its name, which
            `from torchvision.models.googlenet import …` finds all the same.
    """
    if module not in modules():
        module = ROOT
    for name in dotted.removeprefix(module).split(".")[1:]:
        theirs = f"{module}.{name}"
        if name in names_of(module):
            return _replacement(theirs, module, name)
        if name.startswith("__"):
            break
        if theirs not in modules():
            advice = hint(theirs)
            return Unknown(theirs, f"zoo has none: {advice}" if advice else _reason(module))
        module = theirs
    return Unknown(module, STAND_IN_ONLY) if _is_left(module) else Whole(module)


def _replacement(theirs: str, module: str, name: str) -> Replacement | Unknown:
    reference = names_of(module)[name]
    source, _, ours = _PUBLIC.get(reference, reference).partition(":")
    is_private = any(part.startswith("_") for part in source.split("."))
    if is_private or source.partition(".")[0] == "zoo_torchvision" or _is_left(module):
        return Unknown(theirs, STAND_IN_ONLY)
    return Replacement(theirs, source, ours)


def _is_left(module: str) -> bool:
    return module.split(".")[1:2] in [[name] for name in _AS_THEY_ARE] and module != _PRESETS


def _reason(module: str) -> str:
    return NOWHERE if _is_left(module) else ELSEWHERE
