"""One public name as a directive of Sphinx's domain for Python: signature, docstring, and members."""

from collections.abc import Iterator

from griffe import Alias, Attribute, Class, Expr, ExprAttribute, ExprName, Function, Parameter, ParameterKind
from griffe import Object as Documented

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
    """

    def __init__(self, references: References) -> None:
        self._references = references

    def write(self, name: Name, found: Documented) -> str:
        """Return the Markdown of a public name."""
        if isinstance(found, Function):
            return self._builder(name, found) if builders.is_builder(found) else self._function(name, found)
        if isinstance(found, Class):
            return self._class(name, found)
        assert isinstance(found, Attribute), f"{name.full} is a {found.kind}"
        return self._value(name, found)

    def _builder(self, name: Name, function: Function) -> str:
        builder = builders.load(name)
        parameters, returned = builders.signature_of(builder, self._references)
        writer = Writer(self._references, name.full, [parameter.partition(":")[0] for parameter in parameters])
        text = writer.write(builders.docstring_of(builder, function))
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
        return self._parameters(list(found.parameters)[1:]) if has_one else ""

    def _member(self, name: Name, member: Function | Attribute) -> str:
        writer = Writer(self._references, name.full, _names_of(member) if isinstance(member, Function) else ())
        text, options = writer.write(member.docstring), {}
        if isinstance(member, Function):
            options = {key: "" for key in ("async", "classmethod", "staticmethod") if key in member.labels}
            return _directive("method", f"{member.name}{self._signature(member)}", None, text, **options)
        if "property" in member.labels:
            return _directive("property", member.name, None, text, type=self._text(member.annotation))
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
        is_bound = function.is_method_of_a_class if hasattr(function, "is_method_of_a_class") else False
        parameters = list(function.parameters)
        if is_bound or (parameters and parameters[0].name in {"self", "cls"}):
            parameters = parameters[1:]
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
        stars = {ParameterKind.var_positional: "*", ParameterKind.var_keyword: "**"}.get(parameter.kind, "")
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
    return [base for base in found.mro() if isinstance(base, Class)]


def _documented(found: Class, *, is_enum: bool) -> Iterator[Function | Attribute]:
    for member in found.members.values():
        if isinstance(member, Alias) or member.name.startswith("_"):
            continue
        is_member_of_enum = is_enum and isinstance(member, Attribute) and member.value is not None
        if isinstance(member, Function | Attribute) and (member.docstring is not None or is_member_of_enum):
            yield member


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
    return "\n".join([f"{fence}{{py:{kind}}} {signature}", *lines, "", text, fence])
