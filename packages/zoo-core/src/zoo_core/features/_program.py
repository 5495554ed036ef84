"""Python code from a graph, without what the asked activations do not need."""

import importlib
import operator
from collections.abc import Callable, Mapping
from types import CodeType, ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn

_CHANGING = {
    operator.setitem, operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ifloordiv,
    operator.imod, operator.ipow, operator.iand, operator.ior, operator.ixor,
}  # fmt: skip


def snapshot(value: object) -> object:
    """Copy a tensor, which later operations may change in place; anything else is for the extractor to refuse."""
    return value.clone() if isinstance(value, Tensor) else value


class Program:
    """A forward computation on the modules and parameters of whichever module it is called with.

    Its source is a function `forward`, `names` are what the global names in it stand for, and `targets` the paths of
    the modules, parameters and buffers that it uses.
    """

    def __init__(self, source: str, names: Mapping[str, object], targets: frozenset[str]) -> None:
        self._source = source
        self._names = names
        self.targets = targets
        scope = {
            name: importlib.import_module(value.name) if isinstance(value, _Module) else value
            for name, value in names.items()
        }
        exec(compile(source, "<zoo_core.features>", "exec"), scope)  # noqa: S102 # what torch.fx has written
        self._function: Callable[..., dict[str, Any]] = scope["forward"]  # type: ignore[assignment]

    def __call__(self, extractor: nn.Module, *inputs: object, **keywords: object) -> dict[str, Any]:
        return self._function(extractor, *inputs, **keywords)

    def __reduce__(self) -> tuple[type["Program"], tuple[object, ...]]:
        return Program, (self._source, self._names, self.targets)


class _Module(NamedTuple):
    """A Python module, picklable."""

    name: str


class NeverReached:
    """Stands for the computation in the mode in which names are not reached."""

    targets: frozenset[str] = frozenset()

    def __init__(self, names: tuple[str, ...], *, training: bool) -> None:
        self._names = names
        self._training = training

    def __call__(self, extractor: nn.Module, *inputs: object, **keywords: object) -> dict[str, Any]:
        here, there = ("training", "eval()") if self._training else ("evaluation", "train()")
        raise RuntimeError(f"{', '.join(self._names)} is not computed in {here} mode: call .{there} first")


def program_of(graph: fx.Graph, features: Mapping[str, fx.Node], modules: Mapping[str, nn.Module]) -> Program:
    """Cut a graph, in place, down to what `features` need, and make it a program that returns them by key."""
    _return(graph, features)
    for node in reversed(list(graph.nodes)):
        if not node.users and node.op not in {"placeholder", "output"} and not _has_effect(node, modules):
            graph.erase_node(node)
    code = graph.python_code("self")
    targets = frozenset(str(node.target) for node in graph.nodes if node.op in {"call_module", "get_attr"})
    names = {name: _Module(value.__name__) if isinstance(value, ModuleType) else value
             for name, value in code.globals.items() if name in _names_in(code.src)}  # fmt: skip
    return Program(code.src, names, targets)


def _return(graph: fx.Graph, features: Mapping[str, fx.Node]) -> None:
    """Return `features`, and drop what is behind them. All but the last are copied: what follows may change them."""
    nodes = list(graph.nodes)
    last = max(features.values(), key=nodes.index)
    for node in reversed(nodes[nodes.index(last) + 1 :]):
        if node.op != "placeholder":
            graph.erase_node(node)
    kept = {last: last}
    for node in features.values():
        if node not in kept:
            with graph.inserting_after(node):
                kept[node] = graph.call_function(snapshot, (node,))
    graph.output({key: kept[node] for key, node in features.items()})


def _has_effect(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Whether a node may do more than return a value: change its input, or refuse it."""
    if node.op == "call_module":
        return any(getattr(module, "inplace", False) for module in modules[str(node.target)].modules())
    if node.op == "get_attr":
        return False
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    if name.endswith("_") or node.kwargs.get("inplace") or "out" in node.kwargs or True in node.args:
        return True
    return node.op == "call_function" and (node.target in _CHANGING or not _is_plain(node.target))


def _is_plain(function: Any) -> bool:
    """Whether a function is one of those of Python and torch that do nothing but compute."""
    home = (getattr(function, "__module__", None) or "torch").partition(".")[0]
    return home in {"torch", "builtins", "_operator", "math"} and function is not torch._assert


def _names_in(source: str) -> set[str]:
    """Return all names in the functions of `source`."""
    code = compile(source, "<zoo_core.features>", "exec")
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*(function.co_names for function in inner))
