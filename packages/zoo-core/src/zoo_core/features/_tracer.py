"""Symbols in place of tensors, and what writes down what is done with them.

James Reed, Zachary DeVito, Horace He, Ansley Ussery, Jason Ansel: torch.fx: Practical Program Capture and
Transformation for Deep Learning in Python, 2021, arXiv:2112.08429.
"""

import operator
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, fx, nn

from ._checks import MARK, Check, Undecided, require


class Untraceable(Exception):  # noqa: N818 # not an error of anybody's
    """A forward computation does what a graph has no place for."""


class Complete(Exception):  # noqa: N818 # not an error
    """Every wanted output is there."""


class Symbol(fx.Proxy):
    """Stands for a tensor, also to `isinstance`; operations in place stay what they are."""

    @property  # type: ignore[misc] # it can be set elsewhere
    def __class__(self) -> type:  # what isinstance asks
        return Tensor

    def __repr__(self) -> str:
        return f"{MARK}{self.node.name}{MARK}"

    def __setitem__(self, index: object, value: object) -> None:
        self.tracer.create_proxy("call_function", operator.setitem, (self, index, value), {})


def _in_place(function: Callable[..., Any]) -> Callable[[Symbol, object], fx.Proxy]:
    def method(self: Symbol, other: object) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", function, (self, other), {})

    return method


for _name in ("iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "iand", "ior", "ixor"):
    setattr(Symbol, f"__{_name}__", _in_place(getattr(operator, _name)))


class Tracer(fx.Tracer):
    """Goes into `ancestors` alone, until it has the first outputs of wanted modules. The traced module stays as it is.

    The checks are those on the way, as far as they are known.
    """

    proxy_buffer_attributes = True  # or they would be copied into the graph
    records_checks = True  # for `zoo_core.layers.is_symbol`

    def __init__(self, ancestors: set[nn.Module], wanted: set[nn.Module], checks: Iterable[Check]) -> None:
        super().__init__()
        self._ancestors = ancestors
        self._wanted = wanted
        self._checks = iter(checks)
        self.outputs: dict[nn.Module, Any] = {}
        self._context = _context()

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return m not in self._ancestors

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:  # what the module returns
        output = super().call_module(m, forward, args, kwargs)
        if m in self._wanted:
            self.outputs.setdefault(m, output)
        if len(self.outputs) == len(self._wanted):
            raise Complete
        return output

    def to_bool(self, obj: fx.Proxy) -> bool:
        check = next(self._checks, None)
        if check is None:
            raise Undecided
        nodes: dict[str, object] = {node.name: node for node in self.graph.nodes}
        parts = [nodes.get(part, "?") if i % 2 else part for i, part in enumerate(check.parts)]
        self.create_node("call_function", require, (obj.node, check.expected, check.error, *parts), {})
        return check.expected

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        if _context() != self._context:
            raise Untraceable
        return super().create_node(*args, **kwargs)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return Symbol(node, self)

    def create_arg(self, a: Any) -> Any:  # the protocol's signature
        if issubclass(type(a), fx.Proxy):
            return a.node
        if isinstance(a, Tensor) and not any(a is own for own in (*self.root.parameters(), *self.root.buffers())):
            raise Untraceable  # made on the way, perhaps at random or for a device: the graph would keep this one
        return super().create_arg(a)


def _context() -> tuple[bool, ...]:
    """Return what `with` statements may have set; a graph has no place for them."""
    autocast = (torch.is_autocast_enabled(device) for device in ("cpu", "cuda"))
    return (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), *autocast)
