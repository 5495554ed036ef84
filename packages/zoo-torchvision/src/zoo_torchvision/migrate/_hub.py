"""Calls of torch.hub that name torchvision's repository, and other texts that name torchvision."""

import re
from collections.abc import Callable, Iterable

import libcst as cst
from libcst import helpers
from libcst.metadata import ImportAssignment, Scope

import zoo_core

from ._left import Left
from ._uses import SourceFile

REPOSITORY = "org/zoo"
"""Where `hubconf.py` of zoo is."""

_REPOSITORY_OF_TORCHVISION = re.compile(r"pytorch/vision(:.*)?", re.DOTALL)
_FUNCTIONS = frozenset({"torch.hub.load", "torch.hub.list", "torch.hub.help"})
_ENTRY_POINTS = frozenset({"get_model_weights", "get_weight"})
_NAMED = re.compile(r"torchvision(\.[^\W\d]\w*)+|pytorch/vision(:.*)?")
_COMPILED = "torch.ops.torchvision"


def names_torchvision(text: str) -> bool:
    """Tell whether a text is a name of torchvision's, or its repository's."""
    return _NAMED.fullmatch(text) is not None


class HubCalls(cst.CSTVisitor):
    """Collects calls of torch.hub that can be turned into calls for zoo, and what names torchvision in other ways.

    Args:
        file: The file.
        understood: Texts that something is known of.
    """

    def __init__(self, file: SourceFile, understood: Iterable[cst.CSTNode]) -> None:
        self.file = file
        self.edits: dict[cst.CSTNode, Callable[[cst.Call], cst.Call]] = {}
        self.left: list[Left] = []
        self._understood = set(understood)

    def visit_Call(self, node: cst.Call) -> None:
        """Look whether it is one."""
        repository = _argument(node, 0, "repo_or_dir", "github")
        if repository is None or not self._is_of_torchvision(repository.value) or not self._is_of_hub(node.func):
            return
        self._understood.add(repository.value)
        if reason := self._why_not(node):
            self._leave(repository.value, reason)
        else:
            self.edits[node] = _for_zoo

    def visit_SimpleString(self, node: cst.SimpleString) -> None:
        """Look whether it names something of torchvision."""
        value = node.evaluated_value
        if node not in self._understood and isinstance(value, str) and names_torchvision(value):
            self._leave(node, "a text names it: only the running program knows what for")

    def visit_Attribute(self, node: cst.Attribute) -> None:
        """Look whether it is a compiled operator."""
        if node.attr.value == "torchvision" and helpers.get_full_name_for_node(node) == _COMPILED:
            self._leave(node, "zoo has no compiled operators: zoo_detection.ops has them as functions")

    def _leave(self, node: cst.BaseExpression, reason: str) -> None:
        name = node.evaluated_value if isinstance(node, cst.SimpleString) else helpers.get_full_name_for_node(node)
        self.left.append(Left(self.file.line(node), (str(name),), reason))

    def _is_of_torchvision(self, node: cst.BaseExpression) -> bool:
        value = node.evaluated_value if isinstance(node, cst.SimpleString) else None
        return isinstance(value, str) and _REPOSITORY_OF_TORCHVISION.fullmatch(value) is not None

    def _is_of_hub(self, function: cst.BaseExpression) -> bool:
        scope = self.file.scopes.get(function)
        name = helpers.get_full_name_for_node(function) or ""
        return scope is not None and _imported_as(scope, name) in _FUNCTIONS

    def _why_not(self, node: cst.Call) -> str:
        if any(argument.star for argument in node.args):
            return "whether its arguments have trust_repo, only the running program knows"
        model = _argument(node, 1, "model")
        name = model.value.evaluated_value if model and isinstance(model.value, cst.SimpleString) else None
        if isinstance(name, str) and name not in {*_ENTRY_POINTS, *zoo_core.list_models()}:
            return f"zoo has no entry point {name}"
        return ""


def _imported_as(scope: Scope, name: str) -> str:
    """Return what a dotted name is called where it is imported from; empty where it is not imported."""
    root = name.partition(".")[0]
    assignments = scope[root]
    if not assignments or not all(isinstance(each, ImportAssignment) for each in assignments):
        return ""
    found = {each.name for each in scope.get_qualified_names_for(name)}
    return found.pop() if len(found) == 1 else ""


def _argument(call: cst.Call, position: int, *names: str) -> cst.Arg | None:
    """Return an argument that is given by its position or by one of its names."""
    for number, argument in enumerate(call.args):
        if argument.star:
            return None
        if (argument.keyword is None and number == position) or (argument.keyword and argument.keyword.value in names):
            return argument
    return None


def _for_zoo(call: cst.Call) -> cst.Call:
    """Return the call for zoo's repository, which is trusted."""
    repository = _argument(call, 0, "repo_or_dir", "github")
    assert repository is not None
    assert isinstance(repository.value, cst.SimpleString)
    old = repository.value
    new = old.with_changes(value=f"{old.prefix}{old.quote}{REPOSITORY}{old.quote}")
    args = [each.with_changes(value=new) if each is repository else each for each in call.args]
    if not any(each.keyword and each.keyword.value == "trust_repo" for each in args):
        args = _with_last(args, cst.Arg(cst.Name("True"), keyword=cst.Name("trust_repo"), equal=_NO_SPACE))
    return call.with_changes(args=args)


def _with_last(args: list[cst.Arg], added: cst.Arg) -> list[cst.Arg]:
    """Add an argument, in the layout of the others."""
    *others, last = args
    between = others[-1].comma if others else cst.MaybeSentinel.DEFAULT
    if isinstance(between, cst.MaybeSentinel) or not isinstance(last.comma, cst.Comma):
        between = between if isinstance(between, cst.Comma) else cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    return [*others, last.with_changes(comma=between), added.with_changes(comma=last.comma)]


_NO_SPACE = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
