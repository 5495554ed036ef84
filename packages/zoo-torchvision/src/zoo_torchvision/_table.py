"""The table of names, read from `names.json`: what each of torchvision's names is here, and why some are not.

{"modules": {"torchvision.ops": {"zoo_detection.ops": ["nms", "box_iou", "theirs=ours"]}},
 "absent": {"torchvision.datasets": "what to do without it"}}
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

ROOT = "torchvision"

_ADVICE = "look for it in docs/compatibility.md of zoo, or install torchvision, in the build for your torch"


@cache
def modules() -> Mapping[str, Mapping[str, str]]:
    """Return all modules that are here: name by name, what stands for it as `"module:name"`."""
    return {module: _references(sources) for module, sources in _read()["modules"].items()}


def names_of(module: str) -> Mapping[str, str]:
    """Return the names in a module, and what stands for each."""
    return modules()[module]


@cache
def submodules_of(module: str) -> frozenset[str]:
    """Return the names of the modules one level below."""
    below = (name.removeprefix(f"{module}.") for name in modules() if name.startswith(f"{module}."))
    return frozenset(name for name in below if "." not in name)


def missing(name: str) -> str:
    """Return the message for a name of torchvision that is not here."""
    parent, _, last = name.rpartition(".")
    while parent not in modules():
        parent, _, last = parent.rpartition(".")
    import difflib

    close = difflib.get_close_matches(last, [*names_of(parent), *submodules_of(parent)], n=1, cutoff=0.8)
    near = f" Did you mean {close[0]}?" if close else ""
    advice = hint(name) or _ADVICE
    return f"{name} is not here, where zoo_torchvision stands in for torchvision.{near} What to do: {advice}."


def hint(name: str) -> str:
    """Return what the table says of a name that is not here, or of the module that it is in."""
    absent: Mapping[str, str] = _read()["absent"]
    while name not in absent and "." in name:
        name = name.rpartition(".")[0]
    return absent.get(name, "")


def _references(sources: Mapping[str, list[str]]) -> dict[str, str]:
    references = {}
    for source, names in sources.items():
        for name in names:
            theirs, _, ours = name.partition("=")
            references[theirs] = f"{source}:{ours or theirs}"
    return references


@cache
def _read() -> dict[str, Any]:  # JSON
    from importlib.resources import files

    table: dict[str, Any] = json.loads(files(__package__).joinpath("names.json").read_text(encoding="utf-8"))
    return table
