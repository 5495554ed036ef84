"""Warnings that point at the line of whoever called zoo."""

import sys
import warnings
from collections.abc import Iterator
from types import FrameType

from ._built_in import BUILT_IN

_ZOO = {"zoo_core", *(module.partition(".")[0] for module in BUILT_IN), "hubconf"}
_BETWEEN = {"torch", "contextlib", "click"}
"""Whose code calls zoo's on a user's behalf."""
_BUILDER = "builder.<locals>.decorate.<locals>.build_model"
"""What a builder, anybody's, is called in a traceback: who calls it, is the caller, not what it is made of."""


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that called zoo, however deep inside it this is, through torch.hub and a network's layers, too.

    Where there is no such line, as in a thread of zoo's own, the warning points at the line that calls this.

    Example:
        >>> from zoo_core.building import warn_caller
        >>> def narrow(*, width: int = 8) -> None:  # what a builder calls
        ...     if width < 8:
        ...         warn_caller(f"width={width} is untested")
    """
    here = sys._getframe(1)
    caller = _outside(here) or here
    warnings.warn_explicit(
        message,
        category,
        caller.f_code.co_filename,
        caller.f_lineno,
        module=caller.f_globals.get("__name__"),
        registry=caller.f_globals.setdefault("__warningregistry__", {}),
    )


def _outside(frame: FrameType | None) -> FrameType | None:
    """Return the innermost frame of code that is neither zoo's, nor a builder's, nor between zoo and its user."""
    frame = next((f.f_back for f in _frames(frame) if f.f_code.co_qualname == _BUILDER), frame)
    while frame is not None and _root(frame) in _ZOO | _BETWEEN:
        frame = frame.f_back
    return None if frame is None or _root(frame) in {"threading", "concurrent"} else frame


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _root(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
