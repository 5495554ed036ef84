"""What a file imports of torchvision, and what is imported instead."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import libcst as cst
from libcst import helpers

from zoo_torchvision._table import ROOT

from ._targets import Replacement, Unknown, Whole, look_up

_LONGEST_LINE = 88


@dataclass(frozen=True, eq=False)
class Imported:
    """One name that an import statement binds to something of torchvision.

    Args:
        statement: The statement.
        alias: The part of it; `None` for a star.
        name: The name in the program; empty for a star.
        target: What it is bound to: a dotted name of torchvision.
        path: The module that is imported, where only its root is bound: `import torchvision.ops` binds `torchvision`.
        source: The module of `from … import`.
    """

    statement: cst.Import | cst.ImportFrom
    alias: cst.ImportAlias | None
    name: str
    target: str
    path: str = ""
    source: str = ROOT

    @cached_property
    def found(self) -> Replacement | Whole | Unknown:
        """What the table has for it."""
        return look_up(self.target, self.source)


def imported_by(statement: cst.Import | cst.ImportFrom) -> list[Imported]:
    """Return what a statement imports of torchvision."""
    if isinstance(statement, cst.Import):
        return [_imported(statement, alias) for alias in statement.names if _is_of_torchvision(alias.name)]
    module = statement.module
    if statement.relative or module is None or not _is_of_torchvision(module):
        return []
    source = helpers.get_full_name_for_node_or_raise(module)
    if isinstance(statement.names, cst.ImportStar):
        return [Imported(statement, None, "", source, source=source)]
    return [
        Imported(statement, alias, bound, f"{source}.{alias.evaluated_name}", source=source)
        for alias in statement.names
        for bound in [alias.evaluated_alias or alias.evaluated_name]
    ]


def _imported(statement: cst.Import, alias: cst.ImportAlias) -> Imported:
    dotted = alias.evaluated_name
    if alias.evaluated_alias:
        return Imported(statement, alias, alias.evaluated_alias, dotted)
    return Imported(statement, alias, ROOT, ROOT, dotted)


def _is_of_torchvision(name: cst.BaseExpression) -> bool:
    return (helpers.get_full_name_for_node(name) or "").partition(".")[0] == ROOT


def import_module(module: str) -> cst.Import:
    """Return `import module`."""
    return cst.Import([cst.ImportAlias(_dotted(module))])


def import_some(statement: cst.Import, aliases: Sequence[cst.ImportAlias]) -> cst.Import:
    """Return the statement with some of its modules."""
    return statement.with_changes(names=[*aliases[:-1], aliases[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)])


def import_from(
    statement: cst.ImportFrom, module: str, aliases: Sequence[cst.ImportAlias], names: Sequence[str]
) -> cst.ImportFrom:
    """Return the statement with some of its names, from another module.

    Args:
        statement: It; where it has these names alone, its layout is kept.
        module: The other module.
        aliases: The names, as they stand in the statement.
        names: What each is called in the other module.
    """
    renamed = [_renamed(alias, name) for alias, name in zip(aliases, names, strict=True)]
    assert not isinstance(statement.names, cst.ImportStar)
    if len(aliases) == len(statement.names):
        return statement.with_changes(module=_dotted(module), names=renamed)
    return _parsed(_text(statement, module, renamed))


def _renamed(alias: cst.ImportAlias, name: str) -> cst.ImportAlias:
    if alias.evaluated_name == name:
        return alias
    bound = alias.evaluated_alias or alias.evaluated_name
    asname = None if bound == name else cst.AsName(cst.Name(bound))
    return alias.with_changes(name=cst.Name(name), asname=asname)


def _text(statement: cst.ImportFrom, module: str, aliases: Sequence[cst.ImportAlias]) -> str:
    """Return the statement's code: on one line where it fits and has no comments, else with a name a line."""
    empty = cst.Module([])
    texts = [empty.code_for_node(alias.with_changes(comma=cst.MaybeSentinel.DEFAULT)) for alias in aliases]
    line = f"from {module} import {', '.join(texts)}"
    comments = _comments(statement)
    found = [comments.get(alias.evaluated_name, ([], [])) for alias in aliases]
    if not any(above or beside for above, beside in found) and (len(line) <= _LONGEST_LINE or not statement.lpar):
        return line
    lines = []
    for text, (above, beside) in zip(texts, found, strict=True):
        lines += [f"    {comment}" for comment in above]
        lines.append("  ".join([f"    {text},", *beside]))
    return "\n".join([f"from {module} import (", *lines, ")"])


def _comments(statement: cst.ImportFrom) -> dict[str, tuple[list[str], list[str]]]:
    """Return for each name of a statement the comments above it and beside it."""
    assert not isinstance(statement.names, cst.ImportStar)
    beside, above = _comments_in(statement.lpar.whitespace_after) if statement.lpar else ([], [])
    found, above = {}, beside + above
    for alias in statement.names:
        comma = alias.comma
        space = comma.whitespace_after if isinstance(comma, cst.Comma) else None
        beside, below = _comments_in(space)
        if alias is statement.names[-1]:  # what stands before the parenthesis is said of the last name
            first, others = _comments_in(statement.rpar.whitespace_before if statement.rpar else None)
            beside, below = beside + below + first + others, []
        found[alias.evaluated_name] = (above, beside)
        above = below
    return found


def _comments_in(space: cst.BaseParenthesizableWhitespace | None) -> tuple[list[str], list[str]]:
    """Return the comment that ends the line, and those on lines of their own."""
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return [], []
    first = [space.first_line.comment.value] if space.first_line.comment else []
    return first, [line.comment.value for line in space.empty_lines if line.comment]


def _parsed(code: str) -> cst.ImportFrom:
    line = cst.parse_statement(code)
    assert isinstance(line, cst.SimpleStatementLine)
    (statement,) = line.body
    assert isinstance(statement, cst.ImportFrom)
    return statement


def _dotted(module: str) -> cst.Name | cst.Attribute:
    node = cst.parse_expression(module)
    assert isinstance(node, cst.Name | cst.Attribute)
    return node
