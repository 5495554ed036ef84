"""Writes a small zoo package to a folder, as a stranger would: for the tests of what others may register."""

import json
from pathlib import Path

MODULE = '''
from enum import auto
from zoo_core import Preset, Weights, WeightsEnum
from zoo_core.building import builder


class Tiny_Weights(WeightsEnum):
    V1 = auto()
    V2 = auto()
    DEFAULT = V2


class Own_Weights(WeightsEnum):
    V1 = Weights("https://host/own.pth", Preset("ImageClassification", {"crop_size": 32}), {"categories": ["a", "b"]})
    DEFAULT = V1


@builder(Tiny_Weights.V1)
def tiny(**kwargs):
    """Build the smallest network."""
    return _network(**kwargs)


@builder(Own_Weights.V1)
def own(**kwargs):
    return _network(**kwargs)


def without_weights(*, progress=True, **kwargs):
    return _network(**kwargs)


def _network(num_classes=3, width=4):
    from torch import nn

    network = nn.Sequential(nn.Flatten(), nn.Linear(width, num_classes))
    network.classifiers = ("1",)
    return network
'''

ENTRY = {
    "url": "https://host/tiny-01234567.pth",
    "transforms": {"preset": "ImageClassification", "crop_size": 8},
    "meta": {
        "categories": "@shapes", "num_params": 15, "min_size": [1, 1],
        "_metrics": {"Shapes": {"acc@1": None, "acc@5": 50.5}},
    },
}  # fmt: skip

FAMILY = {
    "task": "classification",
    "models": {
        "tiny": {"weights": "Tiny_Weights"}, "own": {"weights": "Own_Weights"}, "plain": {"builder": "without_weights"},
    },
    "weights": {"Tiny_Weights": {"V1": ENTRY, "V2": ENTRY | {"sha256": "01234567" * 8, "bytes": 123}}},
}  # fmt: skip


def write_package(folder: Path, name: str = "example_zoo", *, family: object = FAMILY, code: str = "") -> None:
    """Write the package `name` and what pip would note of its entry point."""
    catalogue = folder / name / "catalogue"
    (catalogue / "categories").mkdir(parents=True)
    (folder / name / "__init__.py").write_text(f"{code}\nfrom .catalogue.tiny import *\n")
    (catalogue / "__init__.py").touch()
    (catalogue / "tiny.py").write_text(MODULE)
    (catalogue / "tiny.json").write_text(family if isinstance(family, str) else json.dumps(family))
    (catalogue / "categories" / "shapes.txt").write_text("circle\nsquare\nstar\n")
    information = folder / f"{name}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[zoo.packages]\n{name} = {name}\n")
