"""Lazy public names from a package's stub, also where the package is in an archive or a program made of one file."""

import os
import sys
from collections.abc import Callable
from typing import Any

import lazy_loader  # type: ignore[import-untyped]


def attach_stub(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return the `__getattr__`, `__dir__` and `__all__` of a package, whose names its stub `__init__.pyi` lists.

    As `lazy_loader.attach_stub`, which needs the stub to be a file; here the package's loader may have it as well.

    Args:
        package: The package's `__name__`.
        file: Its `__file__`.

    Raises:
        ValueError: There is no stub, or it has anything but imports from its own package.

    Example:
        >>> import zoo_core
        >>> from zoo_core.stubs import attach_stub
        >>> _, _, names = attach_stub("zoo_core", zoo_core.__file__)
        >>> "get_model" in names
        True
    """
    stub = f"{os.path.splitext(file)[0]}.pyi"
    if os.path.exists(stub):
        return lazy_loader.attach_stub(package, file)  # type: ignore[no-any-return] # it has no types
    modules, names = _listed(_read(package, stub))
    return lazy_loader.attach(package, modules, names)  # type: ignore[no-any-return]


def _read(package: str, stub: str) -> bytes:
    loader = getattr(sys.modules[package].__spec__, "loader", None)
    try:
        content: bytes = loader.get_data(stub)  # type: ignore[union-attr]
    except (OSError, AttributeError) as error:
        raise ValueError(
            f"{package} was packed without its stub, {stub}, which lists its names: pack the data files of zoo's "
            "packages, *.pyi, *.json and *.txt, with it. The hook for PyInstaller that comes with zoo-core does."
        ) from error
    return content


def _listed(stub: bytes) -> tuple[set[str], dict[str, list[str]]]:
    """Return the modules that a stub imports from its package, and the names that it imports from these."""
    import ast

    modules: set[str] = set()
    names: dict[str, list[str]] = {}
    for node in ast.walk(ast.parse(stub)):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level != 1 or any(alias.name == "*" for alias in node.names):
            raise ValueError(f"A stub has imports from its own package alone, by name; found {ast.unparse(node)!r}.")
        found = [alias.name for alias in node.names]
        if node.module:
            names.setdefault(node.module, []).extend(found)
        else:
            modules.update(found)
    return modules, names
