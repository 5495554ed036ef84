"""What goes wrong for users: each function ends in an error that docs/guides/troubleshooting.md quotes."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from export.makers import DIGITS, TinyNetwork
from training.worlds import RECIPE, Points, points, trained
from zoo_classification import ResNet18_Weights
from zoo_core import get_model, get_weight, save_model
from zoo_core.files import Settings


class World(NamedTuple):
    """Where it happens: a folder, what can be changed until the end, and what puts tensors where a file would be."""

    place: Path
    monkeypatch: pytest.MonkeyPatch
    publish: Callable[..., Path]


def unknown_model(world):
    get_model("resnt50")


def unknown_weights(world):
    get_weight("ResNet50_Weights.IMAGENET1K_V3")


def offline(world):
    world.monkeypatch.setenv("ZOO_OFFLINE", "1")
    get_model("resnet18", weights="DEFAULT")


def no_source(world):
    world.monkeypatch.setenv("ZOO_MIRRORS", "http://127.0.0.1:9/weights/")
    get_model("resnet18", weights="DEFAULT")


def wrong_bytes(world):
    save_model(get_model(DIGITS, weights="DEFAULT"), world.place / "digits")
    path = world.place / "digits" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-9] + b" damaged\n")
    get_model(f"local-dir:{world.place / 'digits'}", weights="DEFAULT")


def licence(world):
    world.monkeypatch.setenv("ZOO_LICENSES", "MIT")
    get_model("resnet18", weights="DEFAULT")


def no_lock(world):
    world.monkeypatch.setenv("ZOO_LOCK", str(world.place / "zoo.lock"))
    get_model("resnet18", weights="DEFAULT")


def no_bundle(world):
    from zoo_core.bundles import load_bundle

    (world.place / "weights.tar").write_text("<html>Please log in</html>")
    load_bundle(world.place / "weights.tar", Settings.from_environment())


def no_checkpoint(world):
    from zoo_core.checkpoints import read_state_dict

    (world.place / "model.pth").write_text("<html>Please log in</html>")
    read_state_dict(world.place / "model.pth")


def checkpoint_of_another(world):
    state = {"conv1.weight": torch.zeros(64, 3, 7, 7), "head.weight": torch.zeros(1)}
    world.publish(ResNet18_Weights.IMAGENET1K_V1, state)
    get_model("resnet18", weights="IMAGENET1K_V1")


def no_saved_model(world):
    get_model(f"local-dir:{world.place / 'runs'}", weights="DEFAULT")


def catalogue(world):
    from zoo_core._catalogue import read_family

    (world.place / "family.json").write_text('{"models": {}}')
    read_family(str(world.place / "family.json"))


def input_of_a_network(world):
    get_model(DIGITS, weights="DEFAULT").eval()(torch.zeros(1, 1, 64, 64))


def small_input(world):
    get_model("squeezenet1_1", weights=None).eval()(torch.zeros(1, 3, 5, 5))


def no_image(world):
    from zoo_core.images import read_image

    (world.place / "photo.jpg").write_text("<html>Please log in</html>")
    read_image(world.place / "photo.jpg")


def cut_image(world):
    from PIL import Image

    from zoo_core.images import read_image

    Image.effect_noise((64, 64), 60).save(world.place / "photo.jpg")
    (world.place / "photo.jpg").write_bytes((world.place / "photo.jpg").read_bytes()[:900])
    read_image(world.place / "photo.jpg")


def no_video(world):
    from zoo_video.io import probe

    (world.place / "clip.mp4").write_text("<html>Please log in</html>")
    probe(world.place / "clip.mp4")


def optimised(world):
    from zoo_core.inference._checking import check_outputs

    check_outputs([torch.zeros(2, 3)], [torch.tensor([[0.1, 2, 3], [1, 2, 4]])], torch.float32)


def convolution(world):
    from zoo_detection.ops import deform_conv2d

    deform_conv2d(torch.zeros(1, 4, 8, 8), torch.zeros(1, 18, 8, 8), torch.zeros(2, 4, 3, 3))


def target(world):
    from zoo_detection import ssdlite320_mobilenet_v3_large

    model = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
    model([torch.rand(3, 64, 64)], [{"boxes": torch.tensor([[9.0, 9, 9, 20]]), "labels": torch.tensor([1])}])


def label(world):
    from zoo_detection import ssdlite320_mobilenet_v3_large

    model = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=2)
    model([torch.rand(3, 64, 64)], [{"boxes": torch.tensor([[9.0, 9, 19, 20]]), "labels": torch.tensor([2])}])


def no_dataset(world):
    from zoo_evaluation.datasets import open_dataset

    (world.place / "photos").mkdir()
    open_dataset(world.place / "photos", holds="classes")


def certificate(world):
    from export.test_certificate import NoSoftmax
    from zoo_export import _export, export

    world.monkeypatch.setattr(_export, "program_class", lambda model: NoSoftmax)
    export(DIGITS, "pt2", world.place / "digits.pt2", network=TinyNetwork())


def not_exported(world):
    from zoo_export import load_exported

    torch.export.save(torch.export.export(torch.nn.ReLU(), (torch.zeros(1),)), world.place / "relu.pt2")
    load_exported(world.place / "relu.pt2")


def loss(world):
    class Infinite(Points):
        def example(self, sample, generator):
            point, number = super().example(sample, generator)
            return (point / 0 if sample.name == "point 7" else point), number

    trained(world.place, training=Infinite(points(24), RECIPE))


def interrupt(world):
    class Stopped(Points):
        def loss(self, model, batch):
            os.kill(os.getpid(), signal.SIGINT)
            return super().loss(model, batch)

    trained(world.place, training=Stopped(points(), RECIPE))


def program(world):
    from zoo_torchvision.migrate import migrate_source

    migrate_source("import torchvision\nprint 'a'\n")


PROVOCATIONS = {
    "ValueError: Unknown model": [unknown_model],
    "KeyError: has no member": [unknown_weights],
    "WeightsUnavailableError": [offline, no_source, wrong_bytes],
    "LicenseRefusedError": [licence],
    "ManifestError": [no_lock],
    "BundleError": [no_bundle],
    "CheckpointError": [no_checkpoint, checkpoint_of_another],
    "SavedModelError": [no_saved_model],
    "CatalogueError": [catalogue],
    "InputError": [small_input],
    "RuntimeError: expected input": [input_of_a_network],
    "MediaError, ImageError, VideoError": [no_image, cut_image, no_video],
    "OptimizationError": [optimised],
    "ConvolutionError": [convolution],
    "TargetError, LabelError": [target, label],
    "DatasetError": [no_dataset],
    "TrainingError": [loss],
    "InterruptError": [interrupt],
    "ExportError": [not_exported],
    "CertificateError": [certificate],
    "MigrationError": [program],
}
"""What is done for each heading of the page, in the order in which it quotes the errors."""
