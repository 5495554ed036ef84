"""What the decorator of builders adds to their signatures and docstrings: it is asked, for it knows."""

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from griffe import Docstring, Function

from .names import Name
from .references import References

_DECORATORS = {"builder", "quantizable_builder"}


def is_builder(function: Function) -> bool:
    """Whether a function is decorated as builders are."""
    return any(decorator.callable_path.rpartition(".")[2] in _DECORATORS for decorator in function.decorators)


def load(name: Name) -> Callable[..., Any]:
    """Import a builder, and torch with it."""
    found: Callable[..., Any] = getattr(import_module(name.module), name.short)
    return found


def docstring_of(builder: Callable[..., Any], function: Function) -> Docstring:
    """Return the docstring of a builder with all that it takes."""
    return Docstring(inspect.getdoc(builder) or "", parent=function)


def signature_of(builder: Callable[..., Any], references: References) -> tuple[list[str], str]:
    """Return the parameters of a builder, as they are written, and what it returns."""
    signature = inspect.signature(builder)
    return list(_parameters(signature, references)), _annotation(signature.return_annotation, references)


def _parameters(signature: inspect.Signature, references: References) -> Iterator[str]:
    star = False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            star = True
            yield "*"
        prefix = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        default = "" if parameter.default is parameter.empty else f" = {_value(parameter.default)}"
        yield f"{prefix}{parameter.name}: {_annotation(parameter.annotation, references)}{default}"


def _annotation(annotation: object, references: References) -> str:
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return references.in_annotation(text)


def _value(default: object) -> str:
    return str(default) if hasattr(type(default), "__members__") else repr(default)
