"""`config.json`: what builds the model of a weights entry, and what prepares its input."""

import json
from typing import Any

from zoo_core._registry import get_weights_entry
from zoo_core._weights import Preset, WeightsEnum


def config_of(member: WeightsEnum) -> dict[str, Any]:
    """Return what `config.json` states of an entry.

    `get_model(config["architecture"], **config["arguments"])` builds the model with its weights;
    `config["preprocessing"]` has every argument of the preset, those that are its defaults, too.
    """
    entry, meta = get_weights_entry(member), member.meta
    categories = meta.get("categories")
    return {
        "library": "zoo",
        "architecture": entry.name,
        "builder": f"{entry.module}.{entry.builder}",
        "task": entry.task,
        "weights": str(member),
        "arguments": {"weights": member.name, **more_arguments(member)}
        | ({"num_classes": len(categories)} if categories else {}),
        "num_params": meta.get("num_params"),
        "min_size": meta.get("min_size"),
        "preprocessing": preprocessing_of(member),
        "categories": categories,
    }


def more_arguments(member: WeightsEnum) -> dict[str, Any]:
    """Return what the builder of an entry's model needs beside the weights."""
    from zoo_core.prediction._tasks import TASKS  # imports Pillow

    task = TASKS.get(get_weights_entry(member).task)
    return dict(task.arguments) if task else {}


def config_text(member: WeightsEnum) -> str:
    """Return the contents of `config.json`."""
    return json.dumps(config_of(member), indent=1, ensure_ascii=False, default=str) + "\n"


def preprocessing_of(member: WeightsEnum) -> dict[str, Any]:
    """Return the preset of an entry by name, with all its arguments."""
    preset = member.transforms
    if not isinstance(preset, Preset):
        return {"preset": getattr(preset, "__qualname__", repr(preset))}
    from zoo_core.transforms._presets import preset_arguments  # imports torch

    built = preset()
    return {"preset": type(built).__name__} | preset_arguments(built)
