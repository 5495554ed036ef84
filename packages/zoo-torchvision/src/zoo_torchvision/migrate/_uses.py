"""Where a file uses what it has imported, by its scopes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import libcst as cst
from libcst.metadata import (
    Access,
    Assignment,
    ExpressionContext,
    ExpressionContextProvider,
    MetadataWrapper,
    ParentNodeProvider,
    PositionProvider,
    Scope,
    ScopeProvider,
)


@dataclass(frozen=True, eq=False)
class Use:
    """A name where it is used, and the attributes that are taken of it: of `a.b.c` the nodes `a`, `a.b`, `a.b.c`."""

    scope: Scope
    nodes: tuple[cst.Name | cst.Attribute, ...]

    @property
    def name(self) -> str:
        """The name."""
        first = self.nodes[0]
        assert isinstance(first, cst.Name)
        return first.value

    @property
    def attributes(self) -> list[str]:
        """The attributes, from the first on."""
        return [node.attr.value for node in self.nodes if isinstance(node, cst.Attribute)]


class SourceFile:
    """A parsed file with its lines, parents, scopes and uses of names.

    Args:
        module: The file as libcst has parsed it.
    """

    def __init__(self, module: cst.Module) -> None:
        wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
        self.module = wrapper.module
        self.scopes = wrapper.resolve(ScopeProvider)
        self.parents: Mapping[cst.CSTNode, cst.CSTNode] = wrapper.resolve(ParentNodeProvider)
        self._contexts = wrapper.resolve(ExpressionContextProvider)
        self._positions = wrapper.resolve(PositionProvider)

    def line(self, node: cst.CSTNode) -> int:
        """Return the line on which a node begins."""
        return int(self._positions[node].start.line)

    def _place(self, found: tuple[cst.CSTNode, Scope]) -> tuple[int, int]:
        start = self._positions[found[0]].start
        return start.line, start.column

    def is_changed(self, node: cst.CSTNode) -> bool:
        """Tell whether something is assigned to a name or an attribute, or it is deleted."""
        return self._contexts.get(node) in {ExpressionContext.STORE, ExpressionContext.DEL}

    def code(self, node: cst.CSTNode) -> str:
        """Return the code of a node."""
        return self.module.code_for_node(node)

    @cached_property
    def all_scopes(self) -> list[Scope]:
        """All scopes."""
        return list(dict.fromkeys(scope for scope in self.scopes.values() if scope is not None))

    def uses(self) -> Iterator[Use]:
        """Yield every use of a name, but those in texts, in the order of the file."""
        found: dict[cst.CSTNode, Scope] = {}
        for access in self._accesses():
            root: cst.CSTNode = access.node
            while isinstance(root, cst.Attribute):
                root = root.value
            found[root] = access.scope
        for root, scope in sorted(found.items(), key=self._place):
            if isinstance(root, cst.Name):
                yield Use(scope, tuple(self._chain(root)))

    def annotations_in_texts(self) -> Iterator[tuple[cst.SimpleString, Scope]]:
        """Yield the texts that are annotations, once each, in the order of the file."""
        found = {access.node: access.scope for access in self._accesses() if isinstance(access.node, cst.SimpleString)}
        yield from sorted(found.items(), key=self._place)

    def _accesses(self) -> Iterator[Access]:
        for scope in self.all_scopes:
            yield from scope.accesses

    def _chain(self, root: cst.Name) -> Iterator[cst.Name | cst.Attribute]:
        node: cst.Name | cst.Attribute = root
        yield node
        while isinstance(parent := self.parents[node], cst.Attribute) and parent.value is node:
            yield parent
            node = parent

    def owner(self, scope: Scope, name: str) -> Scope | None:
        """Return the scope that binds a name which is used in a scope; `None` where it is built in, or not bound."""
        owners = {each.scope for each in scope[name] if isinstance(each, Assignment)}
        return owners.pop() if len(owners) == 1 else None

    def other_assignments(self, scope: Scope, name: str, imports: frozenset[cst.CSTNode]) -> list[cst.CSTNode]:
        """Return what gives a name of a scope another value than these import statements."""
        return [each.node for each in scope[name] if isinstance(each, Assignment) and each.node not in imports]

    @cached_property
    def exported(self) -> frozenset[str]:
        """The names that the file's `__all__` lists."""
        found: set[str] = set()
        for statement in self.module.body:
            for small in statement.body if isinstance(statement, cst.SimpleStatementLine) else ():
                match small:
                    case (
                        cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value="__all__"))], value=listed)
                        | cst.AugAssign(target=cst.Name(value="__all__"), value=listed)
                    ) if isinstance(listed, cst.List | cst.Tuple):
                        texts = [each.value for each in listed.elements if isinstance(each.value, cst.SimpleString)]
                        found |= {str(text.evaluated_value) for text in texts}
        return frozenset(found)

    @cached_property
    def names_of_its_own(self) -> frozenset[str]:
        """The names that the file gives to anything but the module of that name."""
        return frozenset(
            each.name
            for scope in self.all_scopes
            for each in scope.assignments
            if isinstance(each, Assignment) and not _imports_its_name(each)
        )


def _imports_its_name(assignment: Assignment) -> bool:
    """Tell whether it is `import a` or `import a.b` that binds `a`."""
    node, root = assignment.node, assignment.name.partition(".")[0]
    return isinstance(node, cst.Import) and any(
        alias.evaluated_name.partition(".")[0] == root and alias.evaluated_alias in (None, alias.evaluated_name)
        for alias in node.names
    )
