"""Checks in forward computations: what raises an error or goes on can be followed, where a real choice cannot."""

import builtins
import dis
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

from torch import fx

_TRACERS = (str(Path(fx.__file__).parent), str(Path(__file__).parent))
_LEAVES_THE_STATEMENT = ("STORE_", "RETURN_", "JUMP_", "POP_", "FOR_ITER")
MARK = "\0"
"""What symbols in the text of an error stand between."""


@dataclass(frozen=True)
class Check:
    """A truth value, `expected`, that the computation needs to go on.

    Otherwise the built-in exception `error` is raised with the text `parts`; every second part is the name of a node.
    """

    expected: bool
    error: str
    parts: tuple[str, ...]


class Undecided(Exception):  # noqa: N818 # nobody's error
    """A symbol was asked for its truth value."""


def require(condition: object, expected: bool, error: str, *parts: object) -> None:
    """Raise the built-in exception `error` with the text `parts` unless `condition` is as `expected`."""
    if (not condition) == expected:  # older exporters take no `bool` of a condition on sizes
        raise getattr(builtins, error)("".join([str(part) for part in parts]))


def check_from(value: bool, error: Exception) -> Check | None:
    """Tell which check it was that raised `error` when a truth value was `value`; `None` if it was no check."""
    place = next(_raising_places(error), None)
    if place is None:
        return None
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    is_own = not frame.f_code.co_filename.startswith(_TRACERS)  # or symbols raised it in the making of the check's
    if type(error).__module__ == "builtins" and is_own:
        return Check(not value, type(error).__name__, tuple(str(error).split(MARK)))
    return Check(not value, "ValueError", (f"the input is refused at {place}",))


def _raising_places(error: Exception) -> Iterator[str]:
    """Yield the places in a traceback that are inside of `raise` or `assert`, but for the tracer's own."""
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if not code.co_filename.startswith(_TRACERS) and _is_raising(code, step.tb_lasti):
            yield f"{code.co_filename}:{step.tb_lineno}"
        step = step.tb_next


def _is_raising(code: CodeType, position: int) -> bool:
    """Whether nothing but raising an error follows in the statement at a position of some code."""
    for instruction in dis.get_instructions(code):
        if instruction.offset >= position:
            if instruction.opname == "RAISE_VARARGS":
                return True
            if instruction.opname.startswith(_LEAVES_THE_STATEMENT):
                return False
    return False
