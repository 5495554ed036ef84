"""Following a forward computation symbolically as deep and as far as the wanted modules are."""

import inspect
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

import torch
from torch import fx, nn

from ._checks import Check, Undecided, check_from
from ._modules import modes_restored
from ._program import NeverReached, Program, program_of
from ._tracer import Complete, Tracer, Untraceable


@dataclass(frozen=True)
class TracedForward:
    """What a forward computation does in one mode: a graph up to the last of the wanted modules' first outputs."""

    graph: fx.Graph
    outputs: Mapping[str, fx.Node]
    modules: Mapping[str, nn.Module]
    training: bool

    def program(self, keys: Mapping[str, str]) -> Program | NeverReached:
        """Make what computes the outputs, given by path, and returns them by key; at most once."""
        unreached = tuple(name for name in keys if name not in self.outputs)
        if unreached:
            return NeverReached(unreached, training=self.training)
        return program_of(self.graph, {key: self.outputs[name] for name, key in keys.items()}, self.modules)


def trace_both(model: nn.Module, wanted: Mapping[str, nn.Module]) -> dict[bool, TracedForward]:
    """Follow the forward computation in training mode (`True`) and evaluation mode (`False`); the modes are restored.

    Raises:
        Untraceable: It cannot be followed.
        ValueError: The output of a wanted module is something else than a tensor that depends on the input.
    """
    with modes_restored(model):
        return {training: _trace(model.train(training), wanted) for training in (True, False)}


def _trace(model: nn.Module, wanted: Mapping[str, nn.Module]) -> TracedForward:
    ancestors = _ancestors(model, wanted.values())
    if _has_options(model) or any(_has_code_of_its_own(module) for module in ancestors):
        raise Untraceable
    tracer = _with_checks(partial(Tracer, ancestors, set(wanted.values())), model)
    outputs = {name: tracer.outputs[module] for name, module in wanted.items() if module in tracer.outputs}
    for name, output in outputs.items():
        if not isinstance(output, fx.Proxy):
            kind = type(output).__name__
            raise ValueError(f"the output of {name} should be a tensor that is computed from the input, found {kind}")
    nodes = {name: output.node for name, output in outputs.items()}
    return TracedForward(tracer.graph, nodes, dict(model.named_modules()), model.training)


def _with_checks(make_tracer: Callable[[Sequence[Check]], Tracer], model: nn.Module) -> Tracer:
    """Trace, finding out at each truth value that is asked for whether one of the two just raises an error."""
    checks: list[Check] = []
    while True:
        try:
            return _run(make_tracer(checks), model)
        except Undecided:
            refused = [_refusal(make_tracer, model, checks, value=value) for value in (False, True)]
            found = [check for check in refused if check is not None]
            if len(found) != 1:
                raise Untraceable from None
            checks.append(found[0])
        except Exception as error:  # symbols fail in user code in any way
            raise Untraceable from error


def _refusal(
    make_tracer: Callable[[Sequence[Check]], Tracer], model: nn.Module, checks: Sequence[Check], *, value: bool
) -> Check | None:
    """Return the check that there is, if to answer the next question with `value` raises an error."""
    try:
        _run(make_tracer([*checks, Check(value, "ValueError", ())]), model)
    except Exception as error:  # noqa: BLE001 # the model's own, whatever it is
        return check_from(value, error)
    return None


def _run(tracer: Tracer, model: nn.Module) -> Tracer:
    with _nothing_random(), suppress(Complete):
        tracer.trace(model)
    if tracer.has_given_up:  # and the model's code has caught the error
        raise Untraceable
    return tracer


def _ancestors(model: nn.Module, wanted: Iterable[nn.Module]) -> set[nn.Module]:
    """Return the modules that contain wanted ones, under any of their names."""
    modules, wanted = dict(model.named_modules(remove_duplicate=False)), set(wanted)
    paths = [name for name, module in modules.items() if module in wanted and name]
    return {modules[".".join(path.split(".")[:depth])] for path in paths for depth in range(path.count(".") + 1)}


def _has_options(model: nn.Module) -> bool:
    """Whether an input may be left out: a symbol in its place would be neither `None` nor a truth value."""
    parameters = inspect.signature(type(model).forward).parameters.values()
    open_ended = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return any(
        parameter.kind in open_ended or parameter.default is None or isinstance(parameter.default, bool)
        for parameter in parameters
    )


def _has_code_of_its_own(module: nn.Module) -> bool:
    """Whether calling a module does more than its class's `forward`, which is what would be followed."""
    decorated = hasattr(type(module).forward, "__wrapped__")
    return bool(decorated or "forward" in vars(module) or module._forward_hooks or module._forward_pre_hooks)


@contextmanager
def _nothing_random() -> Iterator[None]:
    """Refuse code that draws random numbers: what they decide here would be decided for good."""
    with torch.random.fork_rng(devices=[]):
        before = torch.get_rng_state(), random.getstate()
        try:
            yield
            if not torch.equal(torch.get_rng_state(), before[0]) or random.getstate() != before[1]:
                raise Untraceable
        finally:
            random.setstate(before[1])
