"""The packages as griffe reads them: from their text, with what stubs say of lazy names."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from griffe import Alias, Class, GriffeLoader, Object

from .names import Module, Name, public_modules, public_names
from .objects import members_of
from .references import References


class Packages:
    """All packages of a checkout.

    Args:
        repository: The checkout.
    """

    def __init__(self, repository: Path) -> None:
        logging.getLogger("griffe").setLevel(logging.ERROR)  # what it cannot resolve is not zoo's
        sources = sorted(repository.glob("packages/*/src"))
        self._loader = GriffeLoader(search_paths=sources)
        for source in sources:
            self._loader.load(next(source.glob("*/py.typed")).parent.name)
        self._loader.resolve_aliases(implicit=True)
        self.modules: dict[str, Module] = public_modules(repository)
        self.names: list[Name] = list(self._distinct(public_names(self.modules)))
        self.references = References(self.names, self.modules, {})
        members = {name.full: self._member_names(self.find(name)) for name in self.names}
        self.references = References(self.names, self.modules, members)

    def find(self, name: Name) -> Object:
        """Return what a public name is."""
        found: Object | Alias = self._loader.modules_collection[name.defined]
        return found.final_target if isinstance(found, Alias) else found

    def _distinct(self, names: list[Name]) -> Iterable[Name]:
        """Return names with where they are defined, also if a private module has one from another: each once."""
        found: dict[str, Name] = {}
        for name in names:
            defined = self.find(name).canonical_path
            if (other := found.get(defined)) is not None:
                first, second = sorted((name, other), key=lambda one: one.full.count("."))
                found[defined] = replace(first, aliases=(*first.aliases, second.full, *second.aliases))
            else:
                found[defined] = replace(name, defined=defined)
        return found.values()

    def _member_names(self, found: Object) -> frozenset[str]:
        if not isinstance(found, Class):
            return frozenset()
        own, _ = members_of(found, self.references)
        return frozenset(member.name for member in own)
