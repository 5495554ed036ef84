"""One public name as a directive of Sphinx's domain for Python: signature, docstring, and members."""

import re
from collections.abc import Iterator
from pathlib import Path

from griffe import Alias, Attribute, Class, Expr, ExprAttribute, ExprName, Function, Parameter, ParameterKind
from griffe import Object as Documented

from zoo_site._site import Site

from . import builders
from .docstrings import Writer
from .names import Name
from .references import References

_FENCES = (":::::", "::::")
"""Around a name, and around a member inside of it."""


class Objects:
    """Writes public names.

    Args:
        references: What names lead to.
        site: What has been written to it already is linked to.
    """

    def __init__(self, references: References, site: Site) -> None:
        self._references = references
        self._site = site
        pages = (path.read_text(encoding="utf-8") for path in (site.source / "gallery").rglob("*.md"))
        self._targets = {target for text in pages for target in re.findall(r"^\(([\w.-]+)\)=$", text, re.MULTILINE)}

    def write(self, name: Name, found: Documented) -> str:
        """Return the Markdown of a public name."""
        if isinstance(found, Function) and builders.is_builder(found):
            written = self._builder(name, found)
        elif isinstance(found, Function):
            written = self._function(name, found)
        elif isinstance(found, Class):
            written = self._class(name, found)
        else:
            assert isinstance(found, Attribute), f"{name.full} is a {found.kind}"
            written = self._value(name, found)
        source = f"[Source]({self._site.file_address(self._place(found))}){{.zoo-source}}"
        return f"{written}\n\n{source}\n{_FENCES[0]}"

    def _place(self, found: Documented) -> str:
        path = Path(str(found.filepath)).relative_to(self._site.repository).as_posix()
        return f"{path}#L{found.lineno}-L{found.endlineno}"

    def _in_gallery(self, target: str) -> str:
        """Return a link to what the gallery says of a model or an entry, if there is such a place."""
        return f"In the gallery: {{ref}}`{target}`." if target in self._targets else ""

    def _builder(self, name: Name, function: Function) -> str:
        builder = builders.load(name)
        parameters, returned = builders.signature_of(builder, self._references)
        writer = Writer(self._references, name.full, [parameter.partition(":")[0] for parameter in parameters])
        prefix = "quantized_" if name.module.endswith(".quantization") else ""
        gallery = self._in_gallery(f"model-{prefix}{name.short}".replace("_", "-"))
        text = "\n\n".join(filter(None, [writer.write(builders.docstring_of(builder, function)), gallery]))
        return _directive("function", f"{name.short}({', '.join(parameters)}) -> {returned}", name, text)

    def _function(self, name: Name, function: Function) -> str:
        writer = Writer(self._references, name.full, _names_of(function))
        signature = f"{name.short}{self._signature(function)}"
        return _directive("function", signature, name, writer.write(function.docstring))

    def _value(self, name: Name, value: Attribute) -> str:
        text = Writer(self._references, name.full).write(value.docstring)
        if "TypeAlias" in str(value.annotation):
            return _directive("type", name.short, name, text, canonical=self._text(value.value))
        return _directive("data", name.short, name, text, **self._facts(value))

    def _class(self, name: Name, found: Class) -> str:
        writer = Writer(self._references, name.full, [parameter.name for parameter in found.parameters])
        bases = [base for base in map(self._text, found.bases) if base not in {"Enum", "object"}]
        based_on = [f"Based on {', '.join(map(self._reference, bases))}."] if bases else []
        own, inherited = members_of(found, self._references)
        members = [self._member(name, member) for member in own]
        from_others = "" if _is_enum(found) else self._inherited(inherited)
        text = "\n\n".join(filter(None, [writer.write(found.docstring), *based_on, *members, from_others]))
        kind = "exception" if any(str(base).endswith(("Error", "Warning")) for base in found.bases) else "class"
        return _directive(kind, f"{name.short}{'' if _is_enum(found) else self._constructor(found)}", name, text)

    def _constructor(self, found: Class) -> str:
        has_one = "__init__" in found.all_members
        return self._parameters([each for each in found.parameters if each.name != "self"]) if has_one else ""

    def _member(self, name: Name, member: Function | Attribute) -> str:
        writer = Writer(self._references, name.full, _names_of(member) if isinstance(member, Function) else ())
        text, options = writer.write(member.docstring), {}
        if _is_property(member):
            returned = member.returns if isinstance(member, Function) else member.annotation
            return _directive("property", member.name, None, text, type=self._text(returned))
        if isinstance(member, Function):
            options = {key: "" for key in ("async", "classmethod", "staticmethod") if key in member.labels}
            return _directive("method", f"{member.name}{self._signature(member)}", None, text, **options)
        if name.short.endswith("Weights"):
            text = text or self._in_gallery(f"weights-{name.short}.{member.name}".lower())
        return _directive("attribute", member.name, None, text, **self._facts(member))

    def _inherited(self, inherited: dict[str, list[str]]) -> str:
        lines = []
        for base, names in inherited.items():
            links = ", ".join(f"{{py:obj}}`~{base}.{name}`" for name in names)
            lines.append(f"From {self._reference(base)}: {links}.")
        return "\n\n".join(lines)

    def _reference(self, base: str) -> str:
        return f"{{py:obj}}`~{base}`" if base.startswith("zoo_") and "[" not in base else f"`{base}`"

    def _facts(self, value: Attribute) -> dict[str, str]:
        text = "" if value.value is None else str(value.value)
        facts = {"type": self._text(value.annotation)}
        if text and "auto()" not in text and len(text) < 80 and "\n" not in text:
            facts["value"] = text
        return {key: fact for key, fact in facts.items() if fact}

    def _signature(self, function: Function) -> str:
        parameters = [parameter for parameter in function.parameters if parameter.name not in {"self", "cls"}]
        returned = self._text(function.returns)
        return self._parameters(parameters) + (f" -> {returned}" if returned else "")

    def _parameters(self, parameters: list[Parameter]) -> str:
        written, kinds = [], [parameter.kind for parameter in parameters]
        for index, parameter in enumerate(parameters):
            before = kinds[index - 1] if index else None
            if parameter.kind is not ParameterKind.positional_only and before is ParameterKind.positional_only:
                written.append("/")
            no_star = {ParameterKind.keyword_only, ParameterKind.var_positional}
            if parameter.kind is ParameterKind.keyword_only and before not in no_star:
                written.append("*")
            written.append(self._parameter(parameter))
        return f"({', '.join(written)})"

    def _parameter(self, parameter: Parameter) -> str:
        kind = parameter.kind
        stars = "*" if kind is ParameterKind.var_positional else "**" if kind is ParameterKind.var_keyword else ""
        annotation = self._text(parameter.annotation)
        default = None if stars or parameter.default is None else str(parameter.default)
        return (
            f"{stars}{parameter.name}"
            + (f": {annotation}" if annotation else "")
            + ("" if default is None else f" = {default}" if annotation else f"={default}")
        )

    def _text(self, expression: Expr | str | None) -> str:
        """Return an annotation as it is written, with the full names of what is public."""
        if expression is None or isinstance(expression, str):
            return expression or ""
        if isinstance(expression, ExprName | ExprAttribute):
            return self._references.of_path(expression.canonical_path) or str(expression)
        return "".join(map(self._text, expression.iterate(flat=False)))


def members_of(found: Class, references: References) -> tuple[list[Function | Attribute], dict[str, list[str]]]:
    """Return the documented members of a class that it defines or has from private classes, and those of public ones.

    The latter by the full names of these classes.
    """
    own: dict[str, Function | Attribute] = {}
    inherited: dict[str, list[str]] = {}
    for base in [found, *_bases(found)]:
        public = None if base is found else references.of_path(base.canonical_path)
        for member in _documented(base, is_enum=_is_enum(found)):
            if member.name in own or any(member.name in names for names in inherited.values()):
                continue
            if public is None:
                own[member.name] = member
            else:
                inherited.setdefault(public, []).append(member.name)
    return list(own.values()), inherited


def _bases(found: Class) -> list[Class]:
    return list(found.mro())


def _documented(found: Class, *, is_enum: bool) -> Iterator[Function | Attribute]:
    for member in found.members.values():
        if isinstance(member, Alias) or member.name.startswith("_"):
            continue
        is_member_of_enum = is_enum and isinstance(member, Attribute) and member.value is not None
        if isinstance(member, Function | Attribute) and (member.docstring is not None or is_member_of_enum):
            yield member


def _is_property(member: Function | Attribute) -> bool:
    """Whether a member is a property, also by a decorator that griffe does not know as one."""
    decorators = member.decorators if isinstance(member, Function) else []
    return "property" in member.labels or any(each.callable_path.endswith("property") for each in decorators)


def _is_enum(found: Class) -> bool:
    return any(str(base).rpartition(".")[2] in {"Enum", "WeightsEnum", "StrEnum", "IntEnum"} for base in found.bases)


def _names_of(function: Function) -> list[str]:
    return [parameter.name for parameter in function.parameters]


def _directive(kind: str, signature: str, name: Name | None, text: str, **options: str) -> str:
    fence = _FENCES[0] if name is not None else _FENCES[1]
    if name is not None:
        options["module"] = name.module
        if kind != "type" and name.defined != name.full:
            options["canonical"] = name.defined
    lines = [f":{key}: {value}".rstrip() for key, value in options.items()]
    signature = " ".join(signature.split())
    end = [] if name is not None else [fence]  # what is written of a name goes on
    return "\n".join([f"{fence}{{py:{kind}}} {signature}", *lines, "", text, *end])
