"""Whether one function can be called as another: names, order and defaults of what it takes."""

import inspect
from enum import Enum
from functools import partial
from inspect import Parameter, Signature
from types import FunctionType
from typing import Any

import torch

_BY_PLACE = {Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD}
_METHODS = (FunctionType, staticmethod, classmethod)
_ANY = {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}
_BY_NAME = {Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY}


def signature_of(thing: object) -> Signature | None:
    """Return what something takes; `None` for what cannot be called, or says nothing."""
    if not callable(thing) or (isinstance(thing, type) and issubclass(thing, Enum)):
        return None
    try:
        return inspect.signature(thing)
    except (TypeError, ValueError):
        return None


def methods_of(kind: type, root: str) -> dict[str, Any]:
    """Return the public methods of a class that it, or a class of the same library, defines."""
    own = [base for base in kind.__mro__ if base.__module__.partition(".")[0] == root]
    names = {name for base in own for name, value in vars(base).items() if isinstance(value, _METHODS)}
    names |= {
        name for base in own for name, value in vars(base).items() if isinstance(value, staticmethod | classmethod)
    }
    return {name: getattr(kind, name) for name in sorted(names) if not name.startswith("_")}


def apart(ours: Signature, theirs: Signature) -> str:
    """Return what stops calls that are right for `theirs` from being right for `ours`; nothing where all are."""
    mine, given = list(ours.parameters.values()), list(theirs.parameters.values())
    by_name = {each.name: each for each in mine if each.kind in _BY_NAME}
    takes_any_place = any(each.kind is Parameter.VAR_POSITIONAL for each in mine)
    takes_any_name = any(each.kind is Parameter.VAR_KEYWORD for each in mine)
    found = []
    for place, each in enumerate(given):
        if each.kind in _ANY:  # what it may be is said nowhere
            continue
        other = by_name.get(each.name)
        if other is None:
            if not takes_any_name:
                found.append(f"no {each.name}")
            continue
        if each.kind in _BY_PLACE and not takes_any_place and mine.index(other) != place:
            found.append(f"{each.name} is in another place")
        elif each.kind in _BY_PLACE and other.kind is Parameter.KEYWORD_ONLY and not takes_any_place:
            found.append(f"{each.name} by name only")
        if each.default is not Parameter.empty and not _same(other.default, each.default):
            found.append(f"{each.name}={_shown(other.default)}, not {_shown(each.default)}")
    names = {each.name for each in given}
    needed = [name for name, each in by_name.items() if name not in names and each.default is each.empty]
    if not any(each.kind in _ANY for each in given):
        found += [f"needs {name}" for name in needed]
    return "; ".join(found)


def _same(ours: object, theirs: object) -> bool:
    if isinstance(ours, partial) and isinstance(theirs, partial):
        mine, given = ours.keywords, theirs.keywords
        return _same(ours.func, theirs.func) and all(_same(mine.get(name), given.get(name)) for name in {*mine, *given})
    is_number = isinstance(ours, int | float) and isinstance(theirs, int | float)
    return ours == theirs if is_number else _shown(ours) == _shown(theirs)


def _shown(default: object) -> str:
    if default is Parameter.empty:
        return "no default"
    if isinstance(default, Enum):
        return str(getattr(default, "value", default)) if isinstance(default.value, str) else default.name
    if isinstance(default, type) or inspect.isroutine(default):
        return str(default.__name__)
    return repr(str(default)) if isinstance(default, torch.device) else repr(default)
