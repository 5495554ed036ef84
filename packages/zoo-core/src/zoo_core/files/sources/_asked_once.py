"""Questions that are asked once a process, whether the answer is good or bad."""

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from zoo_core.errors import SourceError

P = ParamSpec("P")
R = TypeVar("R")

_lock = threading.Lock()
_question_locks: dict[Any, threading.Lock] = {}
_answers: dict[Any, Any] = {}


def asked_once(question: Callable[P, R]) -> Callable[P, R]:
    """Make a function of hashable arguments run once for each of them; a `SourceError` is kept and raised again.

    That a source is busy is not kept: it said so at once, and may soon say something else.

    Threads that ask the same at the same time wait for the one answer: an unreachable server must not cost each of
    them, or each file, a time-out.
    """

    @wraps(question)
    def ask(*args: P.args, **kwargs: P.kwargs) -> R:
        key = (question, args, tuple(sorted(kwargs.items())))
        with _lock:
            question_lock = _question_locks.setdefault(key, threading.Lock())
        with question_lock:
            if key not in _answers:
                try:
                    _answers[key] = question(*args, **kwargs)
                except SourceError as error:
                    if error.is_busy:
                        raise
                    _answers[key] = error
        answer = _answers[key]
        if isinstance(answer, SourceError):
            raise SourceError(str(answer))
        return answer  # type: ignore[no-any-return]

    return ask


def forget_answers() -> None:
    """Let every question be asked again."""
    with _lock:
        _question_locks.clear()
        _answers.clear()
