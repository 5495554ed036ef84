"""Symbols in place of tensors, and what writes down what is done with them.

James Reed, Zachary DeVito, Horace He, Ansley Ussery, Jason Ansel: torch.fx: Practical Program Capture and
Transformation for Deep Learning in Python, 2021, arXiv:2112.08429.
"""

import operator
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import torch
from torch import Tensor, fx, nn
from torch.utils._pytree import tree_leaves

from ._checks import MARK, Check, Undecided, require


class Untraceable(Exception):  # noqa: N818 # not an error of anybody's
    """A forward computation does what a graph has no place for."""


class Complete(Exception):  # noqa: N818 # not an error
    """Every wanted output is there."""


class Symbol(fx.Proxy, Tensor):  # type: ignore[misc] # of names that both have, those of `fx.Proxy` count
    """Stands for a tensor, also to `isinstance` and in compiled code; operations in place stay what they are.

    Torch's functions are recorded. Compiled code that uses it in any other way finds a tensor without values, size or
    device; to ask it for them gives the tracing up.
    """

    tracer: "Tracer"

    def __new__(cls, node: fx.Node, tracer: "Tracer") -> "Symbol":  # what __init__ takes
        return Tensor._make_wrapper_subclass(
            cls, (), dispatch_sizes_strides_policy="sizes", dispatch_device=True, dispatch_layout=True
        )

    @classmethod
    def __torch_dispatch__(  # type: ignore[override] # compiled code asks a tensor for something
        cls, function: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> NoReturn:
        for symbol in tree_leaves((args, kwargs)):
            if isinstance(symbol, Symbol):
                symbol.tracer.give_up()
        raise Untraceable

    def __getattribute__(self, name: str) -> Any:
        if name in _OF_TENSORS:
            return fx.Proxy.__getattr__(self, name)
        return super().__getattribute__(name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in _OF_TENSORS:
            self.tracer.give_up()
        super().__setattr__(name, value)

    def __repr__(self) -> str:  # type: ignore[override] # tensors take contents
        return f"{MARK}{self.node.name}{MARK}"

    __format__ = object.__format__

    def __setitem__(self, index: object, value: object) -> None:
        self.tracer.create_proxy("call_function", operator.setitem, (self, index, value), {})


_OF_TENSORS = frozenset(name for name in dir(Tensor) if not name.startswith("__")) - set(dir(fx.Proxy))
"""What symbols record, or refuse, instead of having it."""


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
        self.has_given_up = False

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

    def give_up(self) -> NoReturn:
        """Say that the computation cannot be followed: to `has_given_up`, too, as its code may catch the error."""
        self.has_given_up = True
        raise Untraceable

    def to_bool(self, obj: fx.Proxy) -> bool:
        check = next(self._checks, None)
        if check is None:
            self.has_given_up = True
            raise Undecided
        nodes: dict[str, object] = {node.name: node for node in self.graph.nodes}
        parts = [nodes.get(part, "?") if i % 2 else part for i, part in enumerate(check.parts)]
        self.create_node("call_function", require, (obj.node, check.expected, check.error, *parts), {})
        return check.expected

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        if _context() != self._context:
            self.give_up()
        return super().create_node(*args, **kwargs)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return Symbol(node, self)

    def create_arg(self, a: Any) -> Any:  # the protocol's signature
        if isinstance(a, fx.Proxy):
            return a.node
        if isinstance(a, Tensor) and not any(a is own for own in (*self.root.parameters(), *self.root.buffers())):
            self.give_up()  # made on the way, perhaps at random or for a device: the graph would keep this one
        return super().create_arg(a)


def _context() -> tuple[bool, ...]:
    """Return what `with` statements may have set; a graph has no place for them."""
    autocast = (torch.is_autocast_enabled(device) for device in ("cpu", "cuda"))
    return (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), _saves_through_hooks(), *autocast)


def _saves_through_hooks() -> bool:
    """Tell whether hooks save the tensors for the backward pass, as those of checkpoints do."""
    try:
        with torch.autograd.graph.disable_saved_tensors_hooks("they are asked for"):
            return False
    except RuntimeError:  # it cannot be done while there are some
        return True
