"""How fast models are trained: a step against torchvision's model, and a frozen network against the plain loop.

    nox -s bench -- training [--rounds N] [--images N] [--epochs N] [MODEL...]

A step is forward, backward and optimiser, on the same batch. "zoo" is zoo's model in torchvision's place in the loop
that users write, with AdamW as torch has it. "zoo train" is the step of zoo's engine, which does more: gradients
clipped, a moving average of the weights, a loss that is looked at.

For the frozen network, both train a resnet18's classifier on the same JPEG files for as many epochs, from the files to
the last validation. The plain loop has a `DataLoader` with two workers, and the frozen part in evaluation mode.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn

from evaluation import write_classes
from measure import in_turn, milliseconds, print_table, ratio
from zoo_core import get_model, get_model_weights
from zoo_training import Batch, Recipe, train
from zoo_training._engine import Engine
from zoo_training._training import Training

STEPS = {"resnet18": 32, "mobilenet_v3_large": 32, "fasterrcnn_mobilenet_v3_large_320_fpn": 2}
"""Batch sizes of the models whose steps are measured."""
FROZEN = "resnet18"


def main(models: list[str], rounds: int, images: int, epochs: int) -> None:
    rows: list[tuple[object, ...]] = [compare(name, rounds) for name in models]
    header = ("model", "batch", "zoo", "zoo train", "torchvision", "torchvision : zoo", "torchvision : zoo train")
    print_table("A step of training", header, rows)
    with tempfile.TemporaryDirectory() as folder:
        rows = [compare_frozen(Path(folder), min(rounds, 3), images, epochs)]
    header = ("model", "images", "epochs", "zoo train --freeze", "plain loop", "times faster", "of it, features")
    print_table("A frozen network's classifier", header, rows)


def compare(name: str, rounds: int) -> tuple[object, ...]:
    """Measure steps of both models in one loop, and zoo's in its engine."""
    inputs, targets = batch_of(name)
    theirs = torchvision.models.get_model(name, weights=None, **arguments_of(name))
    ours, engines = (get_model(name, weights=None, **arguments_of(name)) for _ in range(2))
    for model in (ours, engines):
        model.load_state_dict(theirs.state_dict())
    functions = [plain_step(ours, inputs, targets), engine_step(engines, inputs, targets)]
    functions.append(plain_step(theirs, inputs, targets))
    times = in_turn([partial(seconds, function) for function in functions], rounds, warm_up=2)
    zoo, trained, other = times
    ratios = f"{ratio(zoo, other):.2f}", f"{ratio(trained, other):.2f}"
    return (name, len(inputs), *map(milliseconds, times), *ratios)


def is_detector(name: str) -> bool:
    return "rcnn" in name


def arguments_of(name: str) -> dict[str, Any]:
    return {"weights_backbone": None} if is_detector(name) else {}


def batch_of(name: str) -> tuple[Any, Any]:
    """Return noise, and what is true of it."""
    torch.manual_seed(0)
    count = STEPS[name]
    if not is_detector(name):
        return torch.randn(count, 3, 224, 224), torch.randint(1000, (count,))
    corners = 200 * torch.rand(count, 5, 2)
    boxes = torch.cat([corners, corners + 40 + 200 * torch.rand(count, 5, 2)], dim=2)
    images = [torch.rand(3, 480, 480) for _ in range(count)]
    return images, [{"boxes": each, "labels": torch.randint(1, 91, (5,))} for each in boxes]


def loss_of(model: nn.Module, inputs: Any, targets: Any) -> torch.Tensor:
    if isinstance(targets, list):
        return sum(model(inputs, targets).values())
    return nn.functional.cross_entropy(model(inputs), targets)


def plain_step(model: nn.Module, inputs: Any, targets: Any) -> Callable[[], object]:
    """Return the loop that users write."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def step() -> None:
        optimizer.zero_grad()
        loss_of(model, inputs, targets).backward()
        optimizer.step()

    return step


class _Same(Training[Any]):
    """The same batch at each step."""

    def __init__(self) -> None:
        self.recipe = Recipe(lr=1e-4, epochs=100, batch_size=1)
        self.dataset = range(1000)  # type: ignore[assignment]

    def example(self, sample: Any, generator: torch.Generator) -> tuple[Any, Any]:
        raise NotImplementedError

    def loss(self, model: nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
        return {"loss": loss_of(model, batch.inputs, batch.targets)}


def engine_step(model: nn.Module, inputs: Any, targets: Any) -> Callable[[], object]:
    """Return the step of zoo's engine."""
    engine = Engine(model, _Same(), Path(), lambda network: {}, device=torch.device("cpu"), workers=0, identity={})
    engine.model.train()
    return partial(engine._step, Batch(("noise",) * len(inputs), inputs, targets))


def seconds(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def compare_frozen(folder: Path, rounds: int, images: int, epochs: int) -> tuple[object, ...]:
    """Measure the training of a classifier, from the files to the end of the last epoch."""
    data = folder / "photos"
    for part, count in (("train", images), ("val", max(10, images // 10))):
        write_classes(data / part, FROZEN, count)
    network = get_model(FROZEN, weights=None, num_classes=1000)
    weights = folder / "backbone"
    save(network, weights)
    runs = iter(range(1000))
    features: list[float] = []

    def ours() -> float:
        rows: list[float] = []
        started = time.perf_counter()
        train(
            f"local-dir:{weights}",
            data,
            {"freeze": "head", "epochs": epochs, "batch_size": 32},
            output=folder / f"run{next(runs)}",
            report=lambda row: rows.append(time.perf_counter() - started),
        )
        features.append(rows[0])
        return time.perf_counter() - started

    zoo, other = in_turn([ours, lambda: plain_loop(network, data, epochs)], rounds, warm_up=0)
    told = f"{statistics.median(zoo):.1f} s", f"{statistics.median(other):.1f} s", f"{ratio(zoo, other):.1f}"
    return (FROZEN, images, epochs, *told, f"{statistics.median(features):.1f} s")


def save(network: nn.Module, folder: Path) -> None:
    """Save a network with the preprocessing and the classes of the published ones."""
    from zoo_core import save_model

    weights = get_model_weights(FROZEN)["DEFAULT"]
    save_model(network, folder, categories=weights.meta["categories"], preset=weights.transforms())


def plain_loop(network: nn.Module, data: Path, epochs: int) -> float:
    """Train a classifier as users write it, and validate after each epoch."""
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    started = time.perf_counter()
    model = torchvision.models.get_model(FROZEN, weights=None)
    model.load_state_dict(network.state_dict())
    model.requires_grad_(requires_grad=False)
    usual = torchvision.models.get_model_weights(FROZEN).DEFAULT.transforms()
    changes = [
        v2.RandomResizedCrop(224),
        v2.RandomHorizontalFlip(),
        v2.PILToTensor(),
        v2.ToDtype(torch.float32, scale=True),
    ]
    changes.append(v2.Normalize(usual.mean, usual.std))
    train_set, held_out = ImageFolder(data / "train", v2.Compose(changes)), ImageFolder(data / "val", usual)
    model.fc = nn.Linear(model.fc.in_features, len(train_set.classes))
    loaders = [
        torch.utils.data.DataLoader(each, batch_size=32, shuffle=each is train_set, num_workers=2)
        for each in (train_set, held_out)
    ]
    optimizer = torch.optim.AdamW(model.fc.parameters(), lr=1e-2)
    model.eval()
    for _ in range(epochs):
        for images, labels in loaders[0]:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        with torch.inference_mode():
            right = [(model(images).argmax(1) == labels).sum().item() for images, labels in loaders[1]]
        assert sum(right) >= 0
    return time.perf_counter() - started


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(STEPS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=Recipe().epochs)
    arguments = parser.parse_args()
    main(arguments.models, arguments.rounds, arguments.images, arguments.epochs)
