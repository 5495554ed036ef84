"""What names in docstrings and annotations lead to."""

import re
from collections.abc import Collection, Iterable

from .names import Module, Name

_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_DOTTED = re.compile(r"[A-Za-z_][\w.]*")


class References:
    """The public names of all packages, to be found by what code and prose call them.

    Args:
        names: All public names.
        modules: All public modules.
        members: The methods and attributes of public classes, by the full names of these classes.
    """

    def __init__(self, names: Iterable[Name], modules: dict[str, Module], members: dict[str, frozenset[str]]) -> None:
        self._full = {known: name.full for name in names for known in (name.full, name.defined, *name.aliases)}
        self._modules = set(modules)
        self._members = members
        self._by_short: dict[tuple[str, str], set[str]] = {}
        for name in set(self._full.values()):
            short, package = name.rpartition(".")[2], name.partition(".")[0]
            self._by_short.setdefault((package, short), set()).add(name)

    def of_path(self, path: str) -> str | None:
        """Return the public name of what is defined, or known, as a dotted path; `None` if it is not public."""
        return self._full.get(path)

    def in_annotation(self, text: str) -> str:
        """Return an annotation of full names, with public ones instead of where these are defined."""
        return _DOTTED.sub(lambda name: self.of_path(name[0]) or name[0], text)

    def find(self, text: str, scope: str) -> str | None:
        """Return what a name in prose means: a public name, a member of a class, or a module; `None` if nothing.

        Args:
            text: What stands in backticks, as `read_image`, `Prediction.draw` or `zoo_core.images`.
            scope: The full name of what the prose is about.
        """
        if not _DOTTED.fullmatch(text):
            return None
        if text in self._modules:
            return text
        owner, _, member = text.rpartition(".")
        found = self._full.get(text) or self._unique(text, scope)
        if found is None and owner:
            of_owner = self._full.get(owner) or self._unique(owner, scope)
            if of_owner is not None and member in self._members.get(of_owner, ()):
                found = f"{of_owner}.{member}"
        if found is None and text in self._members.get(scope, ()):
            found = f"{scope}.{text}"
        return None if found == scope else found

    def _unique(self, short: str, scope: str) -> str | None:
        for module in _parents(scope):
            if (beside := self._full.get(f"{module}.{short}")) is not None:
                return beside
        for package in (scope.partition(".")[0], "zoo_core"):
            if len(known := self._by_short.get((package, short), set())) == 1:
                return next(iter(known))
        return None

    def linked(self, text: str, scope: str, but: Collection[str] = ()) -> str:
        """Return Markdown whose code names link to what they mean.

        Args:
            text: Markdown.
            scope: The full name of what it is about.
            but: Names that mean something else here, as parameters do.
        """

        def link(code: re.Match[str]) -> str:
            target = None if code[1] in but else self.find(code[1], scope)
            return code[0] if target is None else f"{{py:obj}}`{code[1]} <{target}>`"

        return _CODE.sub(link, text)

    def unknown(self, text: str) -> list[str]:
        """Return the full names in Markdown, such as `zoo_core.nothing`, that mean nothing, public or not."""
        full = (code[1] for code in _CODE.finditer(text) if re.fullmatch(r"zoo_\w+(\.\w+)+", code[1]))
        return [name for name in full if self.find(name, "") is None]


def _parents(name: str) -> Iterable[str]:
    while name:
        name = name.rpartition(".")[0]
        if name:
            yield name
