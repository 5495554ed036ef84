"""The nodes of a network's graph, by torchvision's names for them."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import fx, nn

from zoo_core._warnings import warn_caller

from ._extractor import FeatureExtractor
from ._modules import modes_restored, pruned
from ._program import Program, program_of

TracerOptions = Mapping[str, Any]
Nodes = Sequence[str] | Mapping[str, str]
_HINT = (
    "Hint: use `get_graph_node_names` to make sure the `return_nodes` you specified are present. It may even be that "
    "you need to specify `train_return_nodes` and `eval_return_nodes` separately."
)


class PathTracer(fx.Tracer):
    """Names each node by the module that it is in: `"layer1.0.add"`, and the second one `"layer1.0.add_1"`.

    A module is one node if it is PyTorch's own, says so by `is_one_node`, or is of one of `leaf_modules`.
    """

    def __init__(self, *, leaf_modules: Sequence[type[nn.Module]] = (), **options: Any) -> None:
        super().__init__(**{"autowrap_modules": (math,), **options})
        self._leaves = tuple(leaf_modules)
        self._path = ""
        self.names: dict[fx.Node, str] = {}
        self._numbers: dict[str, int] = {}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        is_one_node = getattr(m, "is_one_node", False) or isinstance(m, self._leaves)
        return bool(is_one_node) or super().is_leaf_module(m, module_qualified_name)

    def call_module(
        self, m: nn.Module, forward: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:  # what the module returns
        outside, self._path = self._path, self.path_of_module(m)
        try:
            return super().call_module(m, forward, args, kwargs)
        finally:
            self._path = outside

    def create_proxy(self, *args: Any, **kwargs: Any) -> fx.Proxy:
        proxy = super().create_proxy(*args, **kwargs)
        node = proxy.node
        own = "" if node.op == "call_module" else re.sub(r"_\d+$", "", node.name)
        name = ".".join(filter(None, (self._path, own)))
        number = self._numbers.get(name, 0)
        self._numbers[name] = number + 1
        self.names[node] = f"{name}_{number}" if number else name
        return proxy


def get_graph_node_names(
    model: nn.Module,
    tracer_kwargs: TracerOptions | None = None,
    suppress_diff_warning: bool = False,
    concrete_args: Mapping[str, Any] | None = None,
) -> tuple[list[str], list[str]]:
    """List what `create_feature_extractor` can be asked for, as it is computed in training and in evaluation mode.

    A node is an operation. Its name is the path of the module that it is in and its own, with a number if there are
    several: `"layer1.0.add"`, `"layer1.0.relu_1"`. A module that is one node has its path as its name.

    Args:
        model: A network that torch.fx can trace. Afterwards its modes are as they were.
        tracer_kwargs: `leaf_modules`, classes of modules that are to be one node, and what `torch.fx.Tracer` takes.
        suppress_diff_warning: Do not warn where the modes have different nodes.
        concrete_args: Inputs by name that have a fixed value, as `torch.fx.Tracer.trace` takes them.

    Returns:
        The names in training mode, and those in evaluation mode, each in the order of computation.

    Example:
        >>> from zoo_core.features import get_graph_node_names
        >>> from zoo_classification import resnet18
        >>> get_graph_node_names(resnet18())[1][-3:]
        ['avgpool', 'flatten', 'fc']
    """
    tracers = _trace_both(model, tracer_kwargs, concrete_args)
    training, evaluation = (list(_named(tracer).values()) for tracer in tracers)
    if not suppress_diff_warning:
        _warn_of_differences(training, evaluation)
    return training, evaluation


def create_feature_extractor(
    model: nn.Module,
    return_nodes: Nodes | None = None,
    train_return_nodes: Nodes | None = None,
    eval_return_nodes: Nodes | None = None,
    tracer_kwargs: TracerOptions | None = None,
    suppress_diff_warning: bool = False,
    concrete_args: Mapping[str, Any] | None = None,
) -> FeatureExtractor:
    """Make a module that returns named intermediate results of a network, by torchvision's names.

    For modules' outputs alone, of any network, and without torch.fx where that cannot trace it, there is
    `extract_features`.

    Args:
        model: A network that torch.fx can trace. Its parameters, buffers and modules are shared.
        return_nodes: Names as `get_graph_node_names` lists them, or their beginnings up to a dot, which stand for the
            last such node; a mapping gives the keys that they are returned by.
        train_return_nodes: Those in training mode, where the modes differ.
        eval_return_nodes: Those in evaluation mode; both or neither are given.
        tracer_kwargs: As for `get_graph_node_names`.
        suppress_diff_warning: Likewise.
        concrete_args: Likewise.

    Returns:
        A module that takes what the network takes, and returns a dictionary. It computes nothing behind the last of
        the nodes.

    Raises:
        ValueError: A node does not exist, or the wrong arguments are given together.

    Example:
        >>> import torch
        >>> from zoo_core.features import create_feature_extractor
        >>> from zoo_classification import resnet18
        >>> extractor = create_feature_extractor(resnet18(), {"layer1": "fine", "layer4.1.add": "coarse"})
        >>> {key: tuple(feature.shape) for key, feature in extractor(torch.zeros(1, 3, 64, 64)).items()}
        {'fine': (1, 64, 16, 16), 'coarse': (1, 512, 2, 2)}
    """
    in_training, in_evaluation = _wanted(return_nodes, train_return_nodes, eval_return_nodes)
    tracers = _trace_both(model, tracer_kwargs, concrete_args)
    if return_nodes is not None and not suppress_diff_warning:
        _warn_of_differences(*(list(_named(tracer).values()) for tracer in tracers))
    modules = dict(model.named_modules())
    programs = [
        _program(tracer, keys, modules) for tracer, keys in zip(tracers, (in_training, in_evaluation), strict=True)
    ]
    used = set().union(*(program.targets for program in programs))
    return FeatureExtractor(model, pruned(model, used), programs[0], programs[1], only_tensors=False)


def _wanted(both: Nodes | None, training: Nodes | None, evaluation: Nodes | None) -> tuple[dict[str, str], ...]:
    """Return keys by name, in training and in evaluation mode."""
    if (training is None) != (evaluation is None):
        raise ValueError(
            "If any of `train_return_nodes` and `eval_return_nodes` are specified, then both should be specified"
        )
    if (both is None) == (training is None):
        raise ValueError(
            "Either `return_nodes` or `train_return_nodes` and `eval_return_nodes` together, should be specified"
        )
    given = (both, both) if training is None else (training, evaluation)
    wanted = []
    for nodes in given:
        if isinstance(nodes, str) or not nodes:
            raise ValueError(f"return nodes should be a list of names, or a mapping, found {nodes!r}")
        wanted.append(
            {
                str(name): str(key)
                for name, key in (nodes.items() if isinstance(nodes, Mapping) else zip(nodes, nodes, strict=True))
            }
        )
    return tuple(wanted)


def _trace_both(
    model: nn.Module, options: TracerOptions | None, concrete_args: Mapping[str, Any] | None
) -> list[PathTracer]:
    """Trace in training and in evaluation mode."""
    tracers = []
    with modes_restored(model):
        for training in (True, False):
            tracer = PathTracer(**(options or {}))
            tracer.graph = tracer.trace(model.train(training), None if concrete_args is None else dict(concrete_args))
            tracers.append(tracer)
    return tracers


def _named(tracer: PathTracer) -> dict[fx.Node, str]:
    """Return the nodes of a graph that can be asked for."""
    return {node: tracer.names[node] for node in tracer.graph.nodes if node in tracer.names}


def _program(tracer: PathTracer, keys: Mapping[str, str], modules: Mapping[str, nn.Module]) -> Program:
    named = _named(tracer)
    found: dict[str, fx.Node] = {}
    for wanted in keys:
        matches = [node for node, name in named.items() if name == wanted or name.startswith(f"{wanted}.")]
        if not matches:
            raise ValueError(f"node: '{wanted}' is not present in model. {_HINT}")
        found[wanted] = matches[-1]
    order = list(named)
    ordered = sorted(found, key=lambda wanted: order.index(found[wanted]))
    return program_of(tracer.graph, {keys[wanted]: found[wanted] for wanted in ordered}, modules)


def _warn_of_differences(training: list[str], evaluation: list[str]) -> None:
    if training != evaluation:
        missing = [name for name in training if name not in evaluation] or list(evaluation)
        warn_caller(
            "The nodes in training mode are not those in evaluation mode, for example "
            f"{missing[0]!r}: give train_return_nodes and eval_return_nodes, or suppress_diff_warning=True"
        )
