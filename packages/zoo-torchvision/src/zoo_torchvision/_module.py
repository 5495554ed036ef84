"""A module whose names are looked up in the table when they are used."""

from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any

from ._table import missing, names_of, submodules_of


class StandInModule(ModuleType):
    """One of torchvision's modules, made of zoo. All are packages, so that a wrong import gets this package's message.

    A name is imported when it is used; all of them are when somebody asks for `__dict__`, as in
    `models.__dict__["resnet18"]()`.

    Args:
        name: The full name, which is in the table.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, f"Stands in for {name}; see zoo_torchvision.")
        self._zoo_names = names_of(name)
        self._zoo_submodules = submodules_of(name)
        self.__all__ = sorted(name for name in self._all() if not name.startswith("_"))

    def __getattr__(self, name: str) -> Any:  # whatever it is
        if name in self._zoo_names:
            source, _, ours = self._zoo_names[name].partition(":")
            value = getattr(import_module(source), ours)
        elif name in self._zoo_submodules:
            value = import_module(f"{self.__name__}.{name}")
        else:
            is_special = name.startswith("__")
            raise AttributeError(
                f"{self.__name__} has no {name!r}" if is_special else missing(f"{self.__name__}.{name}"),
                name=name,
                obj=self,
            )
        super().__setattr__(name, value)
        return value

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override] # of which programs list names, and take values
        """All names with what they stand for; those whose package is not installed are not among them."""
        for name in sorted(self._all()):
            with suppress(ImportError, AttributeError):
                getattr(self, name)
        return self._known()

    def __setattr__(self, name: str, value: object) -> None:
        # As in torchvision, the function `googlenet` hides the module of that name, which an import would put here.
        is_own_submodule = isinstance(value, ModuleType) and value.__name__ == f"{self.__name__}.{name}"
        if not (is_own_submodule and name in self._zoo_names):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*self._known(), *self._all()} - {"_zoo_names", "_zoo_submodules"})

    def _known(self) -> dict[str, Any]:
        """Return the names that have been used, with what they stand for."""
        names: dict[str, Any] = vars(ModuleType)["__dict__"].__get__(self)
        return names

    def _all(self) -> set[str]:
        return {*self._zoo_names, *self._zoo_submodules}
