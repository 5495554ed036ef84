"""From docstrings in Google's style to Markdown that Sphinx's fields understand."""

import re
import textwrap
from collections.abc import Collection, Iterator

from griffe import Docstring, DocstringSectionKind

from .references import References

_OPTIONS = {"returns_named_value": False, "returns_multiple_items": False, "warnings": False}
_YIELDED = {"returns": "Returns", "yields": "Yields"}
_FENCED = re.compile(r"(^(?:>>>|\.\.\.) .*(?:\n(?!\n).*)*)", re.MULTILINE)


class Writer:
    """Writes the docstrings of one public name.

    Args:
        references: What names in backticks lead to.
        scope: The full name.
        parameters: The names of its parameters, which are not links.
    """

    def __init__(self, references: References, scope: str, parameters: Collection[str] = ()) -> None:
        self._references = references
        self._scope = scope
        self._parameters = parameters

    def write(self, docstring: Docstring | None) -> str:
        """Return a docstring as Markdown; nothing for none."""
        if docstring is None:
            return ""
        sections = docstring.parse("google", **_OPTIONS)
        return "\n\n".join(part for section in sections for part in self._section(section) if part)

    def prose(self, text: str) -> str:
        """Return text with links, its examples as blocks of code."""
        pieces = _FENCED.split(textwrap.dedent(text).strip())
        prose, examples = pieces[::2], pieces[1::2]
        written = [self._references.linked(escaped(piece), self._scope, self._parameters) for piece in prose]
        blocks = [f"```pycon\n{example}\n```" for example in examples]
        return "".join(piece for pair in zip(written, [*blocks, ""], strict=True) for piece in pair).strip()

    def _section(self, section: object) -> Iterator[str]:
        kind, value = section.kind, section.value  # type: ignore[attr-defined] # each kind has a class of its own
        match kind:
            case DocstringSectionKind.text:
                yield self.prose(value)
            case DocstringSectionKind.parameters | DocstringSectionKind.other_parameters:
                yield "\n".join(self._field(f"param {item.name}", item.description) for item in value)
            case DocstringSectionKind.attributes:
                yield "\n".join(self._field(f"ivar {item.name}", item.description) for item in value)
            case DocstringSectionKind.raises:
                yield "\n".join(self._field(f"raises {self._error(str(e.annotation))}", e.description) for e in value)
            case DocstringSectionKind.returns | DocstringSectionKind.yields:
                yield "\n".join(self._field(_YIELDED[kind.value], item.description) for item in value)
            case DocstringSectionKind.warns:
                yield "\n".join(self._field(f"Warns {item.annotation}", item.description) for item in value)
            case DocstringSectionKind.examples:
                yield self.prose("\n\n".join(text for _, text in value))
            case DocstringSectionKind.admonition:
                yield self._admonition(section.title or value.kind, value.contents)  # type: ignore[attr-defined]
            case _:
                raise ValueError(f"{self._scope}: docstrings of zoo have no section {kind.value!r}")

    def _admonition(self, title: str, text: str) -> str:
        return self.prose(text) if title in {"Example", "Examples"} else self._field(title, text)

    def _error(self, name: str) -> str:
        public = self._references.find(name, self._scope)
        return name if public is None else f"~{public}"

    def _field(self, name: str, text: str) -> str:
        body = textwrap.indent(self.prose(text), "    ").strip()
        title = name.replace("*", r"\*")
        return f":{title}: {body}"


def escaped(text: str) -> str:
    """Return text in which nothing but code is Markdown."""
    pieces = re.split(r"(`+[^`]+`+)", text)
    pieces[::2] = [re.sub(r"([*_<\[\]$\\])", r"\\\1", piece) for piece in pieces[::2]]
    return "".join(pieces)
