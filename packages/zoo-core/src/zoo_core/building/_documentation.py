"""What `help` and `inspect` say of a builder: what all builders take, stated once, and what is its own."""

import inspect
import re
import textwrap
from collections.abc import Callable
from functools import reduce
from inspect import Parameter, Signature
from operator import or_
from typing import Any, get_args

from ._backbone import Backbone
from ._deprecated import Pretrained, enums_of
from ._idioms import idioms_of

_SECTIONS = ("Args", "Returns", "Raises", "Example")
_RAISES = {
    "TypeError": "`weights` is neither a member of the enum, nor a name, nor `None`.",
    "WeightsUnavailableError": "No source has the file of the weights.",
    "CheckpointError": "The file cannot be read, or does not fit the network.",
}


def signature_of(
    function: Callable[..., Any],
    weights: Pretrained[Any],
    num_classes: int | None,
    assemble: Callable[..., Any],
    backbone: Backbone[Any, Any] | None,
) -> Signature:
    """Return the signature of the builder that a function becomes; the arguments are those of `builder`."""
    parameters = [_weights("weights", None, enums_of(weights)), _keyword("progress", True, bool)]  # noqa: FBT003
    if num_classes != 0:
        parameters.append(_keyword("num_classes", None, int | None))
    idioms = idioms_of(function)
    if idioms is not None:
        parameters.append(_keyword("in_chans", 3, int))
        parameters += [_keyword(rate, None, float | None) for rate in idioms.rates()]
    own = inspect.signature(function)
    for name, parameter in own.parameters.items():
        if name == "backbone" and backbone is not None:
            parameters += _of_backbone(backbone)
        elif name not in {"weights", "num_classes"} and parameter.kind is not parameter.VAR_KEYWORD:
            parameters.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))
    options = inspect.signature(assemble).parameters.values()
    parameters += [parameter for parameter in options if parameter.name not in {"make", "weights", "progress"}]
    parameters += [p for p in own.parameters.values() if p.kind is p.VAR_KEYWORD]
    return Signature(parameters, return_annotation=own.return_annotation)


def describe(
    function: Callable[..., Any],
    signature: Signature,
    num_classes: int | None,
    assemble: Callable[..., Any],
    backbone: Backbone[Any, Any] | None,
) -> str:
    """Return the docstring of a builder: the function's own, and what it does not say of the signature's arguments."""
    head, sections = _sections(inspect.getdoc(function) or "")
    of_assembling = _sections(inspect.getdoc(assemble) or "")[1]
    known = _entries(of_assembling.get("Args", "")) | _common(signature, num_classes, backbone)
    known |= _entries(sections.get("Args", ""))
    names = [f"**{p.name}" if p.kind is p.VAR_KEYWORD else p.name for p in signature.parameters.values()]
    sections["Args"] = "\n".join(_entry(name, known[name]) for name in names if name in known)
    errors = _entries(of_assembling.get("Raises", "")) | _RAISES | _entries(sections.get("Raises", ""))
    sections["Raises"] = "\n".join(_entry(name, text) for name, text in errors.items())
    module, name = (function.__module__ or "__main__").partition("._")[0], function.__name__
    sections.setdefault("Example", f'>>> from {module} import {name}\n>>> model = {name}(weights="DEFAULT")')
    written = [f"{title}:\n{textwrap.indent(sections[title], '    ')}" for title in _SECTIONS if sections.get(title)]
    return "\n\n".join([head, *written])


def _common(signature: Signature, num_classes: int | None, backbone: Backbone[Any, Any] | None) -> dict[str, str]:
    """Return what is said of the arguments that all builders have."""
    network = getattr(signature.return_annotation, "__name__", "the network")
    texts = {
        "weights": f"{_member(signature, 'weights')}; `None` to initialise at random.",
        "progress": "Show a bar while downloading.",
        "**kwargs": f"Passed on to `{network}`, but for those that make it this model.",
    }
    if "num_classes" in signature.parameters:
        classes = num_classes or f"that of `{network}`"
        texts["num_classes"] = (
            f"Number of classes; that of the weights, else {classes}, if not given. Another number than the weights' "
            "gives a fresh classifier, and all else from the file."
        )
    if "in_chans" in signature.parameters:
        texts |= _of_idioms(network)
        texts["num_classes"] += " 0 for no classifier: the network then gives what the classifier would be given."
    if backbone is not None:
        texts["weights_backbone"] = (
            f"{_member(signature, 'weights_backbone')}; `None` to initialise the backbone at random. With `weights` it "
            "is not looked at."
        )
        texts["trainable_backbone_layers"] = (
            f"How many of the backbone's {backbone.layers} layers train, counted from the last; {backbone.trainable} "
            "if not given, and all without any weights."
        )
    return texts


def _of_idioms(network: str) -> dict[str, str]:
    return {
        "in_chans": "Channels of the images. With weights, those of the first convolution are summed for 1 channel, "
        "else repeated and scaled.",
        "drop_rate": f"The `dropout` of `{network}`, if given.",
        "drop_path_rate": f"The `stochastic_depth_prob` of `{network}`, if given.",
    }


def _member(signature: Signature, parameter: str) -> str:
    enums = [f"`{kind.__name__}`" for kind in get_args(signature.parameters[parameter].annotation)[:-2]]
    return f"A member of {' or '.join(enums)}, or its name"


def _of_backbone(backbone: Backbone[Any, Any]) -> list[Parameter]:
    parameters = [_weights("weights_backbone", backbone.default, (type(backbone.pretrained),))]
    return parameters + ([_keyword("trainable_backbone_layers", None, int | None)] if backbone.layers else [])


def _weights(name: str, default: object, enums: tuple[type, ...]) -> Parameter:
    return _keyword(name, default, reduce(or_, enums) | str | None)


def _keyword(name: str, default: object, annotation: object) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _sections(text: str) -> tuple[str, dict[str, str]]:
    """Divide a docstring into what stands at its head, and its sections by title, without their indentation."""
    head, *parts = re.split(rf"^({'|'.join(_SECTIONS)}):$", text, flags=re.MULTILINE)
    return head.strip(), {
        title: textwrap.dedent(body).strip() for title, body in zip(parts[::2], parts[1::2], strict=True)
    }


def _entries(section: str) -> dict[str, str]:
    """Return the texts of a section by what they are of."""
    entries = (" ".join(entry.split()).partition(": ") for entry in re.split(r"\n(?! )", section) if entry)
    return {name: text for name, _, text in entries}


def _entry(name: str, text: str) -> str:
    return textwrap.fill(
        f"{name}: {text}", 116, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
