"""The names of layers that features can be taken from, with shapes: `docs/site/layers.json`.

`python -m zoo_site.gallery.write_layers` writes it: that builds every model, on tensors without values. The site reads
the file, so that building it does not take minutes longer.
"""

import json
from collections.abc import Mapping
from pathlib import Path

FILE = Path("docs") / "site" / "layers.json"
DEEPEST = 3
"""How many names a path may have that is shown: `layer1.0` has two."""

Shapes = dict[str, tuple[int, ...]]


def read_layers(repository: Path) -> dict[str, Shapes]:
    """Return the shapes of each model's features by the names of its modules."""
    stored = json.loads((repository / FILE).read_text(encoding="utf-8"))
    return {model: {name: tuple(shape) for name, shape in layers.items()} for model, layers in stored.items()}


def worth_showing(shapes: Mapping[str, tuple[int, ...]], parents: frozenset[str]) -> Shapes:
    """Choose, of all that a model can be asked for, blocks and stages, and layers that are in no block.

    Args:
        shapes: Of the features, by the paths of modules.
        parents: The paths of the modules that have modules in them.

    Example:
        >>> shapes = {"stem": (1, 8), "layer1.0.conv": (1, 8), "layer1.0": (1, 8)}
        >>> worth_showing(shapes, frozenset({"layer1", "layer1.0"}))
        {'stem': (1, 8), 'layer1.0': (1, 8)}
    """
    return {
        name: shape
        for name, shape in shapes.items()
        if name.count(".") < DEEPEST and (name in parents or name.count(".") < 2)
    }
