"""Write `docs/site/layers.json` anew: `python -m zoo_site.gallery.write_layers [MODEL...]` (minutes for all)."""

import json
import sys
from pathlib import Path

import torch
from torch import nn

from zoo_core import get_model, list_models
from zoo_core.building import without_files
from zoo_core.features import list_features

from ._blocks import entry_inputs
from ._entries import read_entries
from ._layers import FILE, Shapes, worth_showing

ROOT = Path(__file__).resolve().parents[4]


def layers_of(name: str) -> Shapes:
    """Return what is shown of a model's features; of a detector, those of its backbone.

    Example:
        >>> layers_of("resnet18")["layer4"]
        (1, 512, 7, 7)
    """
    default = next(entry for entry in read_entries({}) if entry.name == name and entry.is_default)
    weights = None if default.task == "quantization" else default.weights  # which tell the size of their images
    with without_files(), torch.device("meta"):
        model = get_model(name, weights=weights)
    prefix = "backbone." if default.task == "detection" else ""
    asked = model.get_submodule("backbone") if prefix else model
    shapes = list_features(asked, entry_inputs(default))
    return {prefix + path: shape for path, shape in worth_showing(shapes, _parents(asked)).items()}


def _parents(model: nn.Module) -> frozenset[str]:
    return frozenset(name for name, module in model.named_modules() if any(True for _ in module.children()))


def main(names: list[str]) -> None:
    """Write the layers of some models, or of all."""
    path = ROOT / FILE
    stored = json.loads(path.read_text(encoding="utf-8")) if names else {}
    for name in names or list_models():
        stored[name] = layers_of(name)
        print(name, len(stored[name]), file=sys.stderr, flush=True)  # noqa: T201 # it takes minutes
    lines = [f" {json.dumps(name)}: {json.dumps(stored[name], separators=(',', ':'))}" for name in sorted(stored)]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
