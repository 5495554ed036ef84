"""Watches one run of a model: which layer's output goes into which layer, and nowhere else; and replaces layers."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from ._linear_methods import linear_methods_of

_QUESTIONS = frozenset(
    {"__get__", "__len__", "dim", "element_size", "is_contiguous", "is_floating_point", "ndimension", "numel", "size",
     "stride"}
)  # fmt: skip
"""What asks a tensor for something but its values, as long as no tensor is the answer."""


class Recording:
    """What was seen in one run of a model.

    Args:
        ran: The layers that ran, in the order of their first call.
        links: For each layer whose outputs all went into one other layer, and nowhere else, that layer; only those
            whose inputs in turn all came from it.
        dimensions: How many dimensions the outputs of each layer had, as far as they were tensors.
    """

    def __init__(
        self, ran: list[nn.Module], links: Mapping[nn.Module, nn.Module], dimensions: Mapping[nn.Module, int]
    ) -> None:
        self.ran = ran
        self._links = links
        self._dimensions = dimensions

    def are_batches(self, layer: nn.Module) -> bool:
        """Tell whether the outputs of a convolution or linear layer had their channels in the second dimension."""
        spatial = len(getattr(layer, "kernel_size", ()))
        return self._dimensions.get(layer) == 2 + spatial

    def follower(self, layer: nn.Module, kinds: type | tuple[type, ...]) -> nn.Module | None:
        """Return the one layer that a layer's output goes into, if it is of these kinds; identities do not count."""
        follower = self._links.get(layer)
        while isinstance(follower, nn.Identity):
            follower = self._links.get(follower)
        return follower if isinstance(follower, kinds) else None


def record(model: nn.Module, example: tuple[Any, ...]) -> Recording:
    """Run a model once, in inference mode, and tell how its layers follow each other.

    Only modules without children count as layers, and of them those without hooks: others may do anything with their
    inputs, outputs and parameters. A layer that a method of its parent computes is not called.
    """
    watcher = _Watcher()
    with torch.inference_mode(), watcher.watching(model):
        watcher.leave(model(*example))
    return Recording(watcher.ran, watcher.links(), watcher.dimensions)


class _Watcher(TorchFunctionMode):
    """Follows the tensors that layers give out: by identity, so they are kept until the end of the run."""

    def __init__(self) -> None:
        super().__init__()
        self.ran: list[nn.Module] = []
        self.dimensions: dict[nn.Module, int] = {}
        self._running: list[nn.Module] = []
        self._owner: dict[int, nn.Module] = {}
        self._kept: list[Tensor] = []
        self._followers: dict[nn.Module, set[nn.Module | None]] = defaultdict(set)
        self._sources: dict[nn.Module, set[nn.Module | None]] = defaultdict(set)

    @contextmanager
    def watching(self, model: nn.Module) -> Iterator[None]:
        """Inside, be told by the layers of `model`, by hooks, and of the operations."""
        handles = []
        in_methods = [weight for layer in model.modules() for weight, _ in linear_methods_of(layer).values()]
        for layer in model.modules():
            if any(weight is getattr(layer, "weight", None) for weight in in_methods):
                continue  # a hook would have it called
            if next(layer.children(), None) is None and not layer._forward_hooks and not layer._forward_pre_hooks:
                handles.append(layer.register_forward_pre_hook(self.enter))
                handles.append(layer.register_forward_hook(lambda module, _, output: self.exit(module, output)))
        try:
            with self:
                yield
        finally:
            for handle in handles:
                handle.remove()

    def enter(self, layer: nn.Module, args: tuple[Any, ...]) -> None:
        """Note that a layer is called."""
        if layer not in self._sources:
            self.ran.append(layer)
        first = args[0] if args else None
        self._sources[layer].add(self._owner.get(id(first)) if isinstance(first, Tensor) else None)
        self._use(first, layer)  # an identity does nothing with it
        self._running.append(layer)

    def exit(self, layer: nn.Module, output: object) -> None:
        """Note what a layer gives out; one that works in place takes the tensor over."""
        self._running.pop()
        if isinstance(output, Tensor):
            self.dimensions[layer] = output.ndim
            self._owner[id(output)] = layer
            self._kept.append(output)

    def leave(self, outputs: object) -> None:
        """Note that the model gives these out."""
        for tensor in tree_leaves(outputs):
            self._use(tensor, None)

    def links(self) -> dict[nn.Module, nn.Module]:
        """Return the layers that follow each other, each the other's only neighbour on that side."""
        return {
            layer: follower
            for layer, followers in self._followers.items()
            for follower in followers
            if len(followers) == 1 and follower is not None and self._sources[follower] == {layer}
        }

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],  # the protocol's signature
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # the protocol's signature
        """Note which tensors an operation reads, and in which layer."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        is_question = getattr(func, "__name__", "") in _QUESTIONS and not isinstance(result, Tensor)
        if not is_question:
            for operand in tree_leaves((args, kwargs)):
                self._use(operand, self._running[-1] if self._running else None)
        return result

    def _use(self, tensor: object, user: nn.Module | None) -> None:
        owner = self._owner.get(id(tensor)) if isinstance(tensor, Tensor) else None
        if owner is not None:
            self._followers[owner].add(user)


def replace(model: nn.Module, old: nn.Module, new: nn.Module) -> None:
    """Put a module in the place of another, wherever in the model it stands."""
    for parent in list(model.modules()):
        for name, child in list(parent._modules.items()):  # named_children() has each once
            if child is old:
                setattr(parent, name, new)
