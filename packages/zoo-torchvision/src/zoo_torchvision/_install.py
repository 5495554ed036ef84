"""Puts the stand-in in the place of torchvision, and takes it away again."""

import sys
import threading
from importlib import import_module
from types import ModuleType

from ._finder import StandInFinder
from ._table import ROOT

_lock = threading.RLock()
_put_aside: dict[str, ModuleType] = {}
"""The modules of a torchvision that was imported before a forced install."""


def install(*, force: bool = False, metadata: bool = True) -> bool:
    """Let `import torchvision` find zoo where torchvision is absent or fails to import.

    A second call changes nothing. Where torchvision works, it is left in place, and imported, which is how that is
    found out. Call it before anything imports torchvision, in each process that is started afresh.

    Args:
        force: Stand in for a torchvision that works, too. Modules that imported it before keep it.
        metadata: Answer `importlib.metadata.version("torchvision")`, too, by which some libraries decide whether
            torchvision is there. `False` for a program whose libraries then want what zoo does not have.

    Returns:
        Whether `import torchvision` finds zoo now.

    Example:
        >>> import zoo_torchvision
        >>> zoo_torchvision.install(force=True)
        True
        >>> from torchvision.ops import nms
        >>> nms.__module__.partition(".")[0]
        'zoo_detection'
        >>> zoo_torchvision.uninstall()
        True
    """
    with _lock:
        if is_installed():
            return True
        if not force and _torchvision_works():
            return False
        _put_aside.update(_take_out())
        sys.meta_path.insert(0, StandInFinder(has_metadata=metadata))
        return True


def uninstall() -> bool:
    """Take the stand-in away; a torchvision that was in its place is there again. What was imported stays usable.

    Returns:
        Whether there was anything to take away.

    Example:
        >>> import zoo_torchvision
        >>> zoo_torchvision.uninstall()
        False
    """
    with _lock:
        finders = _finders()
        for finder in finders:
            sys.meta_path.remove(finder)
        if finders:
            _take_out()
            sys.modules.update(_put_aside)
            _put_aside.clear()
        return bool(finders)


def is_installed() -> bool:
    """Tell whether `import torchvision` finds zoo.

    Example:
        >>> import zoo_torchvision
        >>> zoo_torchvision.is_installed()
        False
    """
    return bool(_finders())


def _finders() -> list[StandInFinder]:
    return [finder for finder in sys.meta_path if isinstance(finder, StandInFinder)]


def _torchvision_works() -> bool:
    try:
        found = import_module("torchvision")
    except ModuleNotFoundError as error:
        if error.name != ROOT:
            _note(error)
        return False
    except Exception as error:  # noqa: BLE001 # a build for another torch raises anything
        _note(error)
        return False
    return hasattr(found, "__version__")  # a folder of that name has none


def _note(error: Exception) -> None:
    import logging

    text = "torchvision does not import, and zoo stands in for it: %s: %s"
    logging.getLogger("zoo").info(text, type(error).__name__, error)


def _take_out() -> dict[str, ModuleType]:
    """Remove all that is imported as torchvision, whole or in part, and return it."""
    names = [name for name in sys.modules if name.partition(".")[0] == ROOT]
    return {name: sys.modules.pop(name) for name in names}
