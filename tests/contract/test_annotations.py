"""`typing.get_type_hints` understands every public annotation, those of modules that only annotations name, too."""

import importlib
import inspect
import pkgutil
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = sorted(path.name for path in Path(__file__).parents[2].glob("packages/*/src/zoo_*"))


def public_modules(package: str) -> Iterator[str]:
    yield package
    path = importlib.import_module(package).__path__
    names = [module.name for module in pkgutil.walk_packages(path, f"{package}.")]
    yield from (name for name in names if not any(part.startswith("_") for part in name.split(".")))


def annotated(module: str) -> Iterator[tuple[str, object]]:
    """Yield the public functions and classes of a module, and what classes define, with their names."""
    found = importlib.import_module(module)
    for name in dir(found):
        value = getattr(found, name)
        if name.startswith("_") or not str(getattr(value, "__module__", "")).startswith("zoo"):
            continue
        if inspect.isfunction(value) or inspect.isclass(value):
            yield f"{module}.{name}", value
        if inspect.isclass(value):
            yield from ((f"{module}.{name}.{own}", method) for own, method in methods(value))


def methods(kind: type) -> Iterator[tuple[str, object]]:
    for name, value in vars(kind).items():
        if name.startswith("_") and name != "__init__":
            continue
        if isinstance(value, property):
            yield name, value.fget
        elif inspect.isfunction(value) or isinstance(value, (classmethod, staticmethod)):
            yield name, getattr(value, "__func__", value)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_annotation_is_understood(package):
    looked_at = dict(pair for module in public_modules(package) for pair in annotated(module))
    failures = {}
    for name, value in looked_at.items():
        try:
            typing.get_type_hints(value)
        except Exception as error:  # noqa: BLE001 # whatever an annotation may raise
            failures[name] = repr(error)
    assert looked_at
    assert failures == {}
