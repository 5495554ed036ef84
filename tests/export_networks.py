"""Networks for the tables of exports: with their weights, or with synthetic parameters that behave as trained ones.

What goes through a network of random numbers is in the hundreds on pictures of kinds that its batch norms
have not seen. Scores are 1 then, and rounding decides on classes and objects, which says nothing about a file.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from classification.int8_networks import quantized, synthetic
from reference.fill import calibrate_
from reference.records import build_as, prepare_, record_of
from zoo_core import WeightsEnum, get_model, get_model_entry, get_model_weights, task_of
from zoo_core.errors import WeightsUnavailableError
from zoo_core.files import Settings, resolve
from zoo_export import Program
from zoo_export._export import program_class
from zoo_export.certificate._cases import cases

SYNTHETIC = {"classification": 0.05, "video": 0.05, "detection": 0.05, "quantization": 0.25}
"""The largest difference of probabilities that is allowed with synthetic parameters, by task."""
SCORES = 3.0
"""The standard deviation of scores of classes."""
HEADS = {
    r"\.cls_logits$": (1.0, -4.0),
    r"\.cls_score$|classification_head\.module_list\.\d+(\.1)?$": (SCORES, 0.0),
    r"\.bbox_pred$|regression_head\.module_list\.\d+(\.1)?$": (0.5, 0.0),
    r"\.bbox_reg$": (0.5, 1.0),
    r"\.flow_head\.conv2$": (0.1, 0.0),
    r"^(aux_)?classifier\.4$|_classifier$": (SCORES, 0.0),
}
"""The standard deviation, and the bias, of what heads of detectors, label maps and flow give, by their names."""
LIMITS = {
    "rcnn": {"rpn_post_nms_top_n_test": 50},  # since synthetic scores are above the threshold for all classes
    "fcos": {"max_size": 416},  # so that no level of a picture of three to one is a single row (docs/export.md)
    "retinanet": {"max_size": 416},
}
"""What small detectors are built with, by a part of their names."""

OPTIONS: dict[str, dict[str, Any]] = {"s3d": {"num_frames": 16}}
"""What programs are made with. With clips of 128 frames, as its weights state, a file of S3D takes half an hour."""
ENTRIES = dict.fromkeys(("regnet_y_128gf", "vit_h_14"), "IMAGENET1K_SWAG_LINEAR_V1")
"""Entries for pictures of 224 pixels. With the default ones, of 384 and 518, a file takes more than an hour."""


def network_of(name: str) -> nn.Module:
    """Return a model with its weights, or with synthetic parameters where they are not on this machine."""
    member = entry_of(name)
    try:
        resolve(member.file, settings=replace(Settings.from_environment(), offline=True), progress=False)
        return get_model(name, weights=member, **task_of(name).arguments)
    except WeightsUnavailableError:
        torch.manual_seed(0)
        if get_model_entry(name).task == "quantization":
            floats = synthetic(name.removeprefix("quantized_"))
            images = images_of(name, floats)
            return quantized(name, with_scores_of_a_size_(floats, images), images)
        built_as = member.name if name.startswith("vit_") else "none"  # of the size that these weights are for
        record = record_of("outputs", name, built_as)
        limits = next((given for part, given in LIMITS.items() if part in name), {})
        network = prepare_(build_as(name, built_as, **record["kwargs"] | limits), record)
        task = get_model_entry(name).task
        if task == "detection":
            scenes = [scene for scene, *_ in inputs_of_network(name, network)][::3]
            return with_heads_of_a_size_(calibrate_(network, scenes), (scenes,))
        if task in {"segmentation", "optical_flow"}:
            return with_heads_of_a_size_(network, *list(inputs_of_network(name, network))[::8])
        if task == "classification":
            return with_scores_of_a_size_(network, images_of(name, network))
        return with_scores_of_a_size_(network, images_of(name, network)[::3]) if task == "video" else network


def entry_of(name: str) -> WeightsEnum:
    """Return the weights entry whose preprocessing and size a model is tried with."""
    return get_model_weights(name)[ENTRIES.get(name, "DEFAULT")]


def inputs_of_network(name: str, network: nn.Module) -> Iterator[tuple[Tensor, ...]]:
    """Yield what the certificate is about, as the preprocessing makes it."""
    return (inputs for _, inputs in cases(program_of(name, network, raw=True)))


def program_of(name: str, network: nn.Module, *, raw: bool = False) -> Program:
    """Return a model with what is exported around it."""
    return program_class(name)(network.eval(), entry_of(name), raw=raw, **OPTIONS.get(name, {}))


def images_of(name: str, network: nn.Module) -> Tensor:
    """Return one of each input of a network of classes that the certificate is about, as the preprocessing makes it."""
    return torch.cat([batch[:1] for (batch,) in inputs_of_network(name, network)])


@torch.no_grad()
def with_scores_of_a_size_(network: nn.Module, images: Tensor) -> nn.Module:
    """Make what goes through a network of classes as large as in trained ones."""
    factor = SCORES / calibrate_(network, images)(images[::3]).std()  # a third tells how large scores are
    for name in cast("Collection[str]", network.classifiers):
        for parameter in network.get_submodule(name).parameters():
            parameter.mul_(factor)
    return network


@torch.no_grad()
def with_heads_of_a_size_(network: nn.Module, *calls: Sequence[Any]) -> nn.Module:
    """Make scores, deltas of a detector, and steps of flow as large as trained ones in what it is called with."""
    given: dict[str, list[Tensor]] = {}
    wanted = {
        name: sizes
        for name, module in network.named_modules()
        for pattern, sizes in HEADS.items()
        if isinstance(module, nn.Linear | nn.Conv2d) and re.search(pattern, name)
    }
    hooks = [
        network.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: given.setdefault(name, []).append(output.flatten())
        )
        for name in wanted
    ]
    for inputs in calls:
        network(*inputs)
    for hook in hooks:
        hook.remove()
    for name, (deviation, bias) in wanted.items():
        head = network.get_submodule(name)
        head.get_parameter("weight").mul_(deviation / torch.cat(given[name]).std())
        head.get_parameter("bias").fill_(bias)
    return network


def tolerance_of(name: str) -> float | None:
    """Return by how much probabilities may differ: where resizing meets a tie, a pixel may be a level off.

    Pixels of detectors differ by 1e-4, since runtimes compute places in single precision. With synthetic parameters
    that is seen in the probabilities, and more so if each layer rounds to 8 bits.
    """
    return SYNTHETIC.get(get_model_entry(name).task)
