"""Writes a file anew, as its plan says."""

import operator
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import libcst as cst

from ._imports import Imported, import_from, import_module, import_some, imported_by
from ._plan import Plan
from ._uses import SourceFile

Line = TypeVar("Line", cst.SimpleStatementLine, cst.SimpleStatementSuite)
_FOR_TOOLS = ("# noqa", "# type:", "# pylint", "# isort", "# pyright", "# ruff")
"""How comments begin that tools read: each of several statements gets them."""


class Rewriter(cst.CSTTransformer):
    """Carries a plan out.

    Args:
        file: The file.
        plan: What becomes of its names.
        imports: What it imports of torchvision, in the order of the file.
        calls: What becomes of calls.
    """

    def __init__(
        self,
        file: SourceFile,
        plan: Plan,
        imports: Sequence[Imported],
        calls: Mapping[cst.CSTNode, Callable[[cst.Call], cst.Call]],
    ) -> None:
        self.file, self.plan, self.calls = file, plan, calls
        self.of_statement: dict[cst.CSTNode, list[Imported]] = defaultdict(list)
        for each in imports:
            self.of_statement[each.statement].append(each)
        self.there: set[tuple[cst.CSTNode, str]] = set()
        """Modules that are imported already, each in its block."""

    def on_leave(
        self, original_node: cst.CSTNodeT, updated_node: cst.CSTNodeT
    ) -> "cst.CSTNodeT | cst.RemovalSentinel | cst.FlattenSentinel[cst.CSTNodeT]":
        """Put what is planned in the place of expressions."""
        if (call := self.calls.get(original_node)) is not None:
            return call(updated_node)  # type: ignore[arg-type, return-value] # they are calls
        if (new := self.plan.expressions.get(original_node)) is not None:
            argument = None if new.argument is None else _argument_of(updated_node)
            code = new.code.format("" if argument is None else cst.Module([]).code_for_node(argument))
            expression = cst.parse_expression(code)
            return expression.with_changes(lpar=updated_node.lpar, rpar=updated_node.rpar)  # type: ignore[attr-defined, return-value]
        if (texts := self.plan.texts.get(original_node)) is not None:
            value = updated_node.value  # type: ignore[attr-defined] # they are texts
            for start, end, text in sorted(texts, reverse=True):
                value = f"{value[:start]}{text}{value[end:]}"
            return updated_node.with_changes(value=value)
        return super().on_leave(original_node, updated_node)

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> "cst.SimpleStatementLine | cst.FlattenSentinel[cst.SimpleStatementLine] | cst.RemovalSentinel":
        """Put what is planned in the place of imports, each on a line of its own where it had one."""
        statements = self._statements(original_node, updated_node)
        if statements is None or len(original_node.body) > 1 or len(statements) == 1:
            return updated_node if statements is None else updated_node.with_changes(body=statements)
        if not statements:
            return cst.RemoveFromParent()
        comment = updated_node.trailing_whitespace.comment
        space = updated_node.trailing_whitespace
        is_for_all = comment is not None and comment.value.startswith(_FOR_TOOLS)
        other_space = space if is_for_all else cst.TrailingWhitespace()
        *others, last = statements
        lines = [cst.SimpleStatementLine([each], trailing_whitespace=other_space) for each in others]
        lines.append(cst.SimpleStatementLine([last], trailing_whitespace=space))
        lines[0] = lines[0].with_changes(leading_lines=updated_node.leading_lines)
        return cst.FlattenSentinel(lines)

    def leave_SimpleStatementSuite(
        self, original_node: cst.SimpleStatementSuite, updated_node: cst.SimpleStatementSuite
    ) -> cst.SimpleStatementSuite:
        """Put what is planned in the place of imports that stand behind a colon."""
        statements = self._statements(original_node, updated_node)
        return updated_node if statements is None else updated_node.with_changes(body=statements)

    def _statements(self, original: Line, updated: Line) -> list[cst.BaseSmallStatement] | None:
        """Return the statements of a line; `None` where they stay."""
        block = self.file.parents[original]
        found: list[cst.BaseSmallStatement] = []
        for before, now in zip(original.body, updated.body, strict=True):
            found += self._instead(before, now, block, may_vanish=_is_nothing_else(original))
            self.there |= {(block, module) for module in _modules_of(before)}
        if len(found) == len(updated.body) and all(map(operator.is_, found, updated.body)):
            return None
        return [each.with_changes(semicolon=cst.MaybeSentinel.DEFAULT) for each in found]

    def _instead(
        self, before: cst.BaseSmallStatement, now: cst.BaseSmallStatement, block: cst.CSTNode, *, may_vanish: bool
    ) -> list[cst.BaseSmallStatement]:
        """Return what becomes of a statement."""
        imported = self.of_statement.get(before, ())
        needed = dict.fromkeys(module for each in imported for module in self.plan.needed.get(each, ()))
        lasts = [each for each in imported if each in self.plan.kept]
        if len(lasts) == len(imported) and not needed:
            return [now]
        rest = _import(before, lasts) if isinstance(before, cst.Import) else self._import_from(before, imported)
        new = [module for module in needed if (block, module) not in self.there]
        if not new and not rest and not may_vanish:
            new = list(needed)
        self.there |= {(block, module) for module in new}
        return [*rest, *map(import_module, new)]

    def _import_from(self, statement: cst.BaseSmallStatement, imported: Sequence[Imported]) -> list[cst.ImportFrom]:
        """Return the statements that import what stays and what moves, in the order of their first names."""
        assert isinstance(statement, cst.ImportFrom)
        groups: dict[str, list[tuple[cst.ImportAlias, str]]] = {}
        for each in imported:
            assert each.alias is not None  # else it stays
            if (moved := self.plan.moved.get(each)) is not None:
                groups.setdefault(moved.module, []).append((each.alias, moved.name))
            elif each in self.plan.kept:
                module, _, name = each.target.rpartition(".")
                groups.setdefault(module, []).append((each.alias, name))
        return [
            import_from(statement, module, [alias for alias, _ in group], [name for _, name in group])
            for module, group in groups.items()
        ]


def _import(statement: cst.Import, kept: Sequence[Imported]) -> list[cst.Import]:
    aliases = {each.alias for each in kept}
    of_torchvision = {each.alias for each in imported_by(statement)}
    names = [alias for alias in statement.names if alias in aliases or alias not in of_torchvision]
    return [import_some(statement, names)] if names else []


def _modules_of(statement: cst.BaseSmallStatement) -> list[str]:
    """Return the modules that a statement imports under their own names."""
    if not isinstance(statement, cst.Import):
        return []
    return [alias.evaluated_name for alias in statement.names if alias.asname is None]


def _is_nothing_else(line: cst.SimpleStatementLine | cst.SimpleStatementSuite) -> bool:
    """Tell whether a line is one statement, with no comment beside it or above it."""
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) > 1:
        return False
    return line.trailing_whitespace.comment is None and not any(above.comment for above in line.leading_lines)


def _argument_of(node: cst.CSTNode) -> cst.BaseExpression:
    """Return the name in `getattr(module, name)` or `module.__dict__[name]`."""
    match node:
        case cst.Call(args=[_, cst.Arg(value=name)]):
            return name
        case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=name))]):
            return name
    raise AssertionError(f"neither of the two: {type(node).__name__}")
