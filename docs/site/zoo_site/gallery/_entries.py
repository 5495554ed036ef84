"""The weights entries of the catalogue, as the pages show them."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from zoo_core import Preset, WeightsEnum, get_model_entry, get_model_weights, list_models
from zoo_core._catalogue import ModelEntry, read_family

TASKS = {
    "classification": "Image classification",
    "quantization": "Image classification, int8",
    "detection": "Object detection",
    "segmentation": "Semantic segmentation",
    "video": "Video classification",
    "optical_flow": "Optical flow",
}
"""What the tasks are called, in the order of the gallery; one that is not named here comes last, by its own name."""


@dataclass(frozen=True)
class Entry:
    """A weights entry of a model.

    Args:
        model: What the registry knows of the model.
        weights: The member of its enum.
        is_default: Whether it is the enum's default.
        latency: Milliseconds an input, if docs/benchmarks.json has them.
    """

    model: ModelEntry
    weights: WeightsEnum
    is_default: bool
    latency: float | None = None

    @property
    def name(self) -> str:
        """Return the model's name."""
        return self.model.name

    @property
    def task(self) -> str:
        """Return the model's task, as the catalogue has it."""
        return self.model.task

    @property
    def package(self) -> str:
        """Return the name of the package, as pip knows it."""
        return self.model.module.partition(".")[0].replace("_", "-")

    @cached_property
    def meta(self) -> Mapping[str, Any]:
        """Return the metadata."""
        return self.weights.meta

    @cached_property
    def metrics(self) -> dict[str, dict[str, float]]:
        """Return the published metrics by data set."""
        found = self.meta.get("_metrics", {})
        known = {name: {key: value for key, value in of.items() if not math.isnan(value)} for name, of in found.items()}
        return {name: values for name, values in known.items() if values}

    @property
    def num_bytes(self) -> float | None:
        """Return the size of the published file, rounded where its exact size is not known."""
        stated = self.meta.get("_file_size")
        return self.weights.file.size or (None if stated is None else stated * 2**20)

    @property
    def license(self) -> str:
        """Return the identifier of the licence, or `unknown`."""
        return str(self.meta.get("license", "unknown"))

    @property
    def input_sides(self) -> tuple[int, ...]:
        """Return what the preset makes of an input: frames of a clip, height, width; empty if it keeps the size."""
        preset = self.weights.transforms
        size = preset.keywords.get("crop_size") if isinstance(preset, Preset) else None
        if size is None:
            return ()
        sides = tuple(size) if isinstance(size, (list, tuple)) else (size,)
        frames = (self.meta["clip_len"],) if "clip_len" in self.meta else ()
        return (*frames, sides[0], sides[-1])

    @property
    def input_text(self) -> str:
        """Return the size of an input in words."""
        if self.input_sides:
            return " x ".join(map(str, self.input_sides))
        preset = self.weights.transforms
        side = preset.keywords.get("resize_size") if isinstance(preset, Preset) else None
        if side is not None:
            return f"any, {side} at the shorter side"
        least = self.meta.get("min_size") or (1, 1)
        return "any" if max(least) == 1 else f"any from {least[0]} x {least[1]}"

    @property
    def errors(self) -> frozenset[str]:
        """Return the metrics of which less is better."""
        return frozenset(read_family(self.model.path).get("errors", ()))

    @property
    def page(self) -> str:
        """Return the name of the model's page on the site."""
        return model_page(self.model)

    @property
    def target(self) -> str:
        """Return what links on the site lead to."""
        return f"weights-{self.weights}".lower()

    @property
    def anchor(self) -> str:
        """Return the target as it is in the page."""
        return re.sub("[^a-z0-9]+", "-", self.target)


def family_page(model: ModelEntry) -> str:
    """Return the name of a family's page on the site."""
    return f"gallery/{model.task.replace('_', '-')}/{model.family}/index"


def model_page(model: ModelEntry) -> str:
    """Return the name of a model's page on the site."""
    return f"{family_page(model).removesuffix('/index')}/{model.name}"


def task_title(task: str) -> str:
    """Return what a task is called."""
    return TASKS.get(task, task.replace("_", " ").capitalize())


def read_entries(latencies: Mapping[str, float]) -> list[Entry]:
    """Return all entries of all models, task by task, the models by their names as people count.

    Args:
        latencies: Milliseconds an input by the models' names.
    """
    order = list(TASKS)
    models = [get_model_entry(name) for name in list_models()]
    models.sort(key=lambda model: (order.index(model.task) if model.task in order else len(order), natural(model.name)))
    entries = []
    for model in models:
        enum = get_model_weights(model.name)
        default = enum["DEFAULT"]
        entries += [Entry(model, member, member is default, latencies.get(model.name)) for member in enum]
    return entries


def natural(name: str) -> list[tuple[int, str]]:
    """Return what sorts names as people do: `resnet18` before `resnet101`.

    Example:
        >>> sorted(["resnet101", "resnet18"], key=natural)
        ['resnet18', 'resnet101']
    """
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|\D+", name)]
