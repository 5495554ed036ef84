"""Writes a zoo package that brings tasks and commands of its own, as a stranger would."""

import hashlib
import io
import json
from pathlib import Path

import torch

TASKS = """
from zoo_core.tasks import Option, Task

TASKS = (
    Task(
        name="exposure",
        predictor="light_zoo.prediction:ExposurePredictor",
        results="exposures",
        options=(Option("stops", int, "Steps of the scale.", minimum=1),),
        pipeline_tag="image-to-number",
    ),
    Task(
        name="negative",
        predictor="light_zoo.prediction:NegativePredictor",
        results="negatives",
        arguments={"strict": True},
    ),
    Task(name="grain", predictor="light_zoo.prediction:GrainPredictor", results="grains"),
)
"""

PREDICTION = """
from dataclasses import dataclass, field

import torch
from PIL import Image

from zoo_core.drawing import with_caption
from zoo_core.images import read_image
from zoo_core.prediction import Prediction, Predictor
from zoo_core.transforms import tensor_to_pil


@dataclass(frozen=True, slots=True)
class Exposure(Prediction):
    value: float

    def to_dict(self):
        return {"source": self.source, "exposure": self.value}

    def summary(self):
        return f"exposure {self.value:.2f}"


@dataclass(frozen=True, slots=True)
class Negative(Prediction):
    picture: Image.Image = field(repr=False, compare=False)

    def to_dict(self):
        return {"source": self.source, "size": list(self.picture.size)}

    def summary(self):
        return "negative of {} x {}".format(*self.picture.size)


class OfImages(Predictor):
    def __init__(self, model, weights, *, device="cpu"):
        self.model, self.transforms = model.eval().to(device), weights.transforms()

    def read(self, paths):
        return read_image(paths[0])

    def preprocess(self, decoded):
        return self.transforms(decoded)


class ExposurePredictor(OfImages):
    def __init__(self, model, weights, *, device="cpu", stops=1):
        super().__init__(model, weights, device=device)
        self.stops = stops

    @torch.inference_mode()
    def predict(self, inputs, sources):
        values = self.model(torch.stack(list(inputs))).mean((1, 2, 3)) * self.stops
        return [Exposure(source, value) for source, value in zip(sources, values.tolist(), strict=True)]

    def draw(self, decoded, prediction):
        return with_caption(decoded, [prediction.summary()])


class NegativePredictor(OfImages):
    @torch.inference_mode()
    def predict(self, inputs, sources):
        pictures = (tensor_to_pil((self.model(image[None])[0] * 255).to(torch.uint8)) for image in inputs)
        return [Negative(source, picture) for source, picture in zip(sources, pictures, strict=True)]

    def draw(self, decoded, prediction):
        return prediction.picture


class GrainPredictor(ExposurePredictor):
    draw = Predictor.draw
"""

ENUM = """
from enum import auto

from zoo_core import WeightsEnum


class {}(WeightsEnum):
    V1 = auto()
    DEFAULT = V1
"""

PACKAGE = """
from .catalogue.exposure import Exposure_Weights
from .catalogue.grain import Grain_Weights
from .catalogue.negative import Negative_Weights


def exposure(*, weights=None, progress=True):
    return _network(weights, progress)


def negative(*, weights=None, progress=True, strict=False):
    assert strict
    return _network(weights, progress)


def grain(*, weights=None, progress=True):
    return _network(weights, progress)


def _network(weights, progress):
    from torch import nn

    network = nn.Conv2d(3, 3, 1)
    if weights is not None:
        network.load_state_dict(weights.get_state_dict(progress=progress))
    return network
"""

COMMAND = '''"""Meter the light.

More of it.
"""

import click


@click.command("meter")
@click.argument("name")
def command(name):
    """Meter the light of NAME."""
    click.echo(f"metered {name}")
'''


def write_task_package(folder: Path, *, commands: str = "meter = light_zoo.metering:command") -> None:
    """Write the package `light_zoo`: models of three tasks that nobody else knows, their weights inside, and a command.

    The network turns an image into its negative: 1 - x for each value x.
    """
    package = folder / "light_zoo"
    catalogue = package / "catalogue"
    catalogue.mkdir(parents=True)
    file = io.BytesIO()
    torch.save({"weight": -torch.eye(3)[:, :, None, None], "bias": torch.ones(3)}, file)
    (package / "light.pth").write_bytes(file.getvalue())
    entry = {
        "url": "package:light_zoo/light.pth",
        "sha256": hashlib.sha256(file.getvalue()).hexdigest(),
        "bytes": len(file.getvalue()),
        "transforms": {
            "preset": "ImageClassification", "crop_size": 8, "resize_size": 8, "mean": [0, 0, 0], "std": [1, 1, 1],
        },
        "meta": {"num_params": 12, "_metrics": {"Photos": {"error": 0.5}}},
    }  # fmt: skip
    for name in ("exposure", "negative", "grain"):
        enum = f"{name.title()}_Weights"
        family = {"task": name, "models": {name: {"weights": enum}}, "weights": {enum: {"V1": entry}}}
        (catalogue / f"{name}.json").write_text(json.dumps(family))
        (catalogue / f"{name}.py").write_text(ENUM.format(enum))
    (package / "__init__.py").write_text(PACKAGE)
    (package / "prediction.py").write_text(PREDICTION)
    (package / "metering.py").write_text(COMMAND)
    (catalogue / "__init__.py").touch()
    (catalogue / "tasks.py").write_text(TASKS)
    information = folder / "light_zoo-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: light_zoo\nVersion: 1.0\n")
    points = f"[zoo.packages]\nlight = light_zoo\n\n[zoo.commands]\n{commands}\n"
    (information / "entry_points.txt").write_text(points)
