"""From a model and names to a model that returns what has these names."""

from collections.abc import Mapping, Sequence

from torch import nn

from zoo_core.names import closest

from ._extractor import FeatureExtractor
from ._interception import intercept
from ._modules import pruned
from ._tracer import Untraceable
from ._tracing import TracedForward, trace_both


def extract_features(model: nn.Module, names: Sequence[str] | Mapping[str, str]) -> FeatureExtractor:
    """Make a model that returns named activations of `model`, and computes nothing behind the last of them.

    The result runs on the very parameters and buffers of `model`, which itself stays as it is: what trains one of the
    two, or copies a checkpoint into it, does so to the other. (What replaces parameters, as `load_checkpoint` and
    `assign=True` do, replaces some in both: use one of the two from then on.) Parameters keep their names, so
    checkpoints of the whole model still load.

    The forward computation is followed symbolically, once in training and once in evaluation mode, as far as the last
    of the activations; what they do not need is left out, with its parameters. Checks of the input are kept. Where
    Python really chooses by sizes or values, or does what a graph has no place for (another autocast, random numbers,
    hooks, checkpoints, functions with gradients of their own), the model's own code runs instead until the last
    activation is there, and all parameters stay; this takes one thread at a time, and `torch.export` without
    `strict=True` then records the rest of the model, too.

    Args:
        model: Any network. Its mode, training or evaluation, is also that of the result.
        names: Paths of modules, as in `model.named_modules()` and `list_features`; in a mapping each with the key that
            its activation shall have. Of a module that is called several times the first call counts.

    Returns:
        A module that takes what `model` takes, and returns a dictionary of tensors in the order of `names`: the outputs
        of the modules, unharmed by in-place operations on them later on.

    Raises:
        ValueError: `names` is empty, a name or key stands there twice, or is not known (the message has the nearest
            ones), or a module is never called or its output is not a tensor, as far as that can be seen in advance.
            Otherwise calling the result is an error, a `RuntimeError` or `TypeError`.
        TypeError: `names` is not a collection of strings.

    Example:
        >>> import torch
        >>> from zoo_core.features import extract_features
        >>> from zoo_classification import resnet18
        >>> backbone = extract_features(resnet18(), {"layer2": "fine", "layer4.1": "coarse"})
        >>> {key: tuple(feature.shape) for key, feature in backbone(torch.zeros(1, 3, 224, 224)).items()}
        {'fine': (1, 128, 28, 28), 'coarse': (1, 512, 7, 7)}
    """
    keys = _checked_keys(names)
    modules = dict(model.named_modules(remove_duplicate=False))
    for name in keys:
        if not name or name not in modules:
            known = [known for known in modules if known]
            raise ValueError(f"{type(model).__name__} has no module {name!r}.{closest(name, known)}")
    wanted = {name: modules[name] for name in keys}
    try:
        traced = trace_both(model, wanted)
    except Untraceable:
        interception = intercept(model, keys, wanted)  # which runs the model's own code
        return FeatureExtractor(model, interception.network, interception, interception)
    return _following(model, keys, traced)


def _checked_keys(names: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """Return the key of each path."""
    if isinstance(names, str):
        raise TypeError(f"names should be a list of names, or a mapping, found {names!r}: write [{names!r}]")
    paths = list(names)
    keys = list(names.values()) if isinstance(names, Mapping) else paths
    if not paths:
        raise ValueError("names should hold at least one name, found none")
    for name in (*paths, *keys):
        if not isinstance(name, str):
            raise TypeError(f"names should be strings, found {name!r}")
    twice = sorted({name for listed in (paths, keys) for name in listed if listed.count(name) > 1})
    if twice:
        raise ValueError(f"names should all be different, found more than once: {', '.join(twice)}")
    return dict(zip(paths, keys, strict=True))


def _following(model: nn.Module, keys: Mapping[str, str], traced: Mapping[bool, TracedForward]) -> FeatureExtractor:
    """Make the extractor that runs what was traced."""
    missing = set.intersection(*({name for name in keys if name not in forward.outputs} for forward in traced.values()))
    if missing:
        listed = ", ".join(name for name in keys if name in missing)
        raise ValueError(
            f"{type(model).__name__} never calls {listed}: list_features(model) has the names that can be asked for"
        )
    programs = {training: forward.program(keys) for training, forward in traced.items()}
    used = set().union(*(program.targets for program in programs.values()))
    return FeatureExtractor(model, pruned(model, used), programs[True], programs[False])
