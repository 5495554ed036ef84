"""Which methods a subclass, or a user's program, has put in the place of the package's own."""

from collections.abc import Callable
from typing import Any


def is_overridden(method: Callable[..., Any], own: Callable[..., Any]) -> bool:
    """Tell whether a bound method is another than a class's `own`: of a subclass, of the object, or patched in.

    Where a method is asked for more than is needed by default, as torchvision's subclasses expect of it, that is only
    computed for those that override it.
    """
    return getattr(method, "__func__", None) is not own
