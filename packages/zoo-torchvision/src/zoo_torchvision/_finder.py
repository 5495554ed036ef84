"""Finds modules named torchvision and below in the table of names."""

from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, cast

from ._module import StandInModule
from ._table import ROOT, missing, modules

if TYPE_CHECKING:
    from importlib.abc import Loader
    from importlib.metadata import Distribution, DistributionFinder


class StandInFinder:  # not of importlib.abc, which takes as long to import as all else here
    """What `sys.meta_path` asks for torchvision.

    Args:
        has_metadata: Whether `importlib.metadata` finds an installed torchvision as well.
    """

    def __init__(self, *, has_metadata: bool) -> None:
        self.has_metadata = has_metadata

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how a module of the table is made; `None` for all that is not torchvision.

        Raises:
            ModuleNotFoundError: It is torchvision's, and not here.
        """
        del path, target
        if fullname.partition(".")[0] != ROOT:
            return None
        if fullname not in modules():
            # The name is torchvision's: with its own, `from torchvision import …` would drop the message.
            raise ModuleNotFoundError(missing(fullname), name=ROOT)
        return ModuleSpec(fullname, cast("Loader", _StandInLoader()), origin="zoo_torchvision", is_package=True)

    def find_distributions(self, context: "DistributionFinder.Context") -> "Iterable[Distribution]":
        """Return the metadata of the stand-in; `importlib.metadata` asks for it."""
        from ._metadata import distributions

        return distributions(context) if self.has_metadata else ()


class _StandInLoader:
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return StandInModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is run: names are looked up when they are used."""
