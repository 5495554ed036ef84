"""Uses of a whole module for what is meant: a builder by its name, or the models of a task."""

from collections.abc import Container
from typing import NamedTuple

import libcst as cst

from zoo_torchvision._models import MODULES

from ._uses import SourceFile, Use

BUILDER_BY_NAME = "zoo_core.get_model_builder"
_OTHER_NAMES = frozenset({"torchvision.models.quantization"})
"""Modules whose builders have other names in the registry."""


class Dynamic(NamedTuple):
    """What is written for an expression that stands on a whole module.

    Args:
        node: The expression.
        code: What it becomes, `{}` being its argument.
        argument: The argument, if there is one.
        module: The module that has to be imported.
    """

    node: cst.CSTNode
    code: str
    argument: cst.BaseExpression | None
    module: str


def dynamic_use(
    file: SourceFile, use: Use, node: cst.CSTNode, theirs: str, lists: Container[cst.CSTNode]
) -> Dynamic | None:
    """Return what a use of a whole module becomes; `None` where that is not known.

    Args:
        file: The file.
        use: The use.
        node: The module in it.
        theirs: What torchvision calls the module.
        lists: The calls of `list_models` in the file.
    """
    if theirs not in MODULES:
        return None
    call = file.parents.get(file.parents[node])
    if isinstance(call, cst.Call) and call in lists and module_argument(call) is file.parents[node]:
        return Dynamic(node, MODULES[theirs], None, MODULES[theirs])
    found = _by_name(file, node)
    if found is None or theirs in _OTHER_NAMES:
        return None
    whole, argument = found
    call = file.parents[whole]
    is_called = isinstance(call, cst.Call) and call.func is whole
    if not is_called or (isinstance(whole, cst.Call) and file.owner(use.scope, "getattr") is not None):
        return None
    return Dynamic(whole, f"{BUILDER_BY_NAME}({{}})", argument, "zoo_core")


def _by_name(file: SourceFile, node: cst.CSTNode) -> tuple[cst.BaseExpression, cst.BaseExpression] | None:
    """Return `getattr(node, name)` or `node.__dict__[name]`, and the name."""
    parent = file.parents[node]
    if isinstance(parent, cst.Attribute) and parent.attr.value == "__dict__":
        match file.parents[parent]:
            case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=name))]) as subscript:
                return subscript, name
    elif isinstance(parent, cst.Arg):
        match file.parents[parent]:
            case cst.Call(func=cst.Name(value="getattr"), args=[first, cst.Arg(value=name)]) as whole if (
                first is parent
            ):
                return whole, name
    return None


def module_argument(call: cst.Call) -> cst.Arg | None:
    """Return the argument of `list_models` that is a module, if it has one."""
    named = {argument.keyword.value: argument for argument in call.args if argument.keyword}
    first = call.args[0] if call.args and call.args[0].keyword is None else None
    return named.get("module", first)
