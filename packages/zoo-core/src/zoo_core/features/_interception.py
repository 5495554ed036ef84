"""Running a model's own code until the wanted activations are there, for what cannot be followed symbolically."""

import copy
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ._program import snapshot

_Complete = StopAsyncIteration
"""Says that everything that was asked for is there. The compiler of PyTorch 2.6 follows built-in exceptions alone."""


class Interception:
    """Calls `network` and returns what the hooks on its wanted modules catch, by the keys of their paths.

    Not for several threads at once: the hooks have nowhere else to put what they catch.
    """

    def __init__(self, network: nn.Module, keys: Mapping[str, str]) -> None:
        self.network = network
        self.targets: frozenset[str] = frozenset()
        self._keys = dict(keys)
        self._caught: dict[str, Any] = {}
        self._is_running = False

    def __call__(self, extractor: nn.Module, *inputs: object, **keywords: object) -> dict[str, Any]:
        self._caught.clear()
        self._is_running = True
        try:
            self._run(*inputs, **keywords)
        except _Complete:
            if len(self._caught) < len(self._keys):  # the network's own
                raise
        finally:
            self._is_running = False
        caught = self._caught.copy()
        self._caught.clear()
        missing = [name for name, key in self._keys.items() if key not in caught]
        if missing:
            raise RuntimeError(
                f"{type(self.network).__name__} has not called {', '.join(missing)}: list_features(model) has the "
                "names that can be asked for, and some modules are called in training mode alone"
            )
        return {key: caught[key] for key in self._keys.values()}

    def _run(self, *inputs: object, **keywords: object) -> None:
        if not _must_return():
            self.network(*inputs, **keywords)
            return
        with warnings.catch_warnings():  # PyTorch 2.6 misses the network itself among the extractor's modules
            warnings.filterwarnings("ignore", f"Unable to find the path of the module {type(self.network).__name__}")
            self.network(*inputs, **keywords)

    def catch(self, key: str, output: object) -> None:
        """Keep the first output; stop when it is the last one that was missing.

        What checkpoints compute again for the backward pass is nobody's output.
        """
        if key in self._caught or not self._is_running:
            return
        complete = len(self._caught) + 1 == len(self._keys)
        self._caught[key] = output if complete and not _must_return() else snapshot(output)
        if complete and not _must_return():
            raise _Complete


class _Hook:
    """A forward hook, picklable."""

    def __init__(self, interception: Interception, key: str) -> None:
        self._interception = interception
        self._key = key

    def __call__(self, module: nn.Module, inputs: object, output: object) -> None:
        self._interception.catch(self._key, output)


def _must_return() -> bool:
    """Whether `torch.export` watches how modules return; it drops what is not needed by itself."""
    return torch.compiler.is_compiling() and not torch.compiler.is_dynamo_compiling()


def intercept(model: nn.Module, keys: Mapping[str, str], wanted: Mapping[str, nn.Module]) -> Interception:
    """Make a twin of `model` on the same parameters and buffers that is stopped when the `wanted` outputs are there."""
    twins: dict[nn.Module, nn.Module] = {}
    interception = Interception(_twin(model, set(wanted.values()), twins), keys)
    for name, module in wanted.items():
        twins[module].register_forward_hook(_Hook(interception, keys[name]))
    return interception


def _twin(module: nn.Module, wanted: set[nn.Module], twins: dict[nn.Module, nn.Module]) -> nn.Module:
    """Copy the wanted modules and those that contain them, not their parameters; the others are shared."""
    if module in twins:
        return twins[module]
    twin = copy.copy(module)
    vars(twin).update({name: value.copy() for name, value in vars(module).items() if isinstance(value, (dict, set))})
    twins[module] = twin
    for name, child in module._modules.items():
        if child is not None and not wanted.isdisjoint(child.modules()):
            twin._modules[name] = _twin(child, wanted, twins)
    return twin
