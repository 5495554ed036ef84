"""Pillow as `read_image` needs it: it warns of nothing, and has the limit of pixels that the user has set.

Both are states of the whole process, and images are read in several threads. So the first reader sets them and the last
one resets them; `warnings.catch_warnings` would bring back what another thread has set meanwhile.
"""

import os
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

from PIL import Image

from ._limits import VARIABLE

_lock = threading.Lock()
_readers: list[int] = []
"""The threads that read now."""
_before: dict[str, Any] = {}
"""What the last of them has to reset."""


@contextmanager
def lenient_pillow(limit: int | None) -> Iterator[None]:
    """Inside, decoders warn of nothing, even where warnings are errors, and Pillow takes images of `limit` pixels.

    What Pillow warns of (many pixels, damaged EXIF data, odd palettes) either does not matter to the pixels or ends as
    an error of its own.
    """
    with ExitStack() as stack:
        if getattr(sys.flags, "context_aware_warnings", False):  # from Python 3.14 on: filters of this thread alone
            stack.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", module=_modules())
        with _lock:
            if not _readers:
                _set(limit)
            _readers.append(threading.get_ident())
        stack.callback(_leave)
        yield


def _leave() -> None:
    with _lock:
        _readers.pop()
        if not _readers:
            _reset()


def _set(limit: int | None) -> None:
    _before["filter"] = ("ignore", None, Warning, re.compile(_modules()), 0)
    _filters().insert(0, _before["filter"])
    if os.environ.get(VARIABLE) and limit is not None:
        _before["pixels"] = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = (limit + 1) // 2  # twice as many are an error


def _reset() -> None:
    while _before["filter"] in _filters():
        _filters().remove(_before["filter"])
    if "pixels" in _before:
        Image.MAX_IMAGE_PIXELS = _before["pixels"]
    _before.clear()


def _filters() -> list[Any]:  # tuples of five
    """Return the process's filters; unlike `filterwarnings`, changing them forgets nothing that has been shown once."""
    return cast("list[Any]", warnings.filters)


def _modules() -> str:
    """Return a pattern of the modules that decode: Pillow's, and those of plug-ins that have been registered."""
    factories = (factory for factory, _ in list(Image.OPEN.values()))
    packages = {str(getattr(factory, "__module__", "PIL")).partition(".")[0] for factory in factories}
    return rf"({'|'.join(map(re.escape, sorted(packages | {'PIL'})))})(\.|$)"
