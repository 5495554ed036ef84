"""What a training is made of: data, classes, recipe and network, read and checked before it begins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn

from zoo_core import Weights, WeightsEnum, get_model_builder, get_model_weights, task_of
from zoo_core.building import DeferredInitialization, without_files
from zoo_core.names import load_reference
from zoo_core.saved import refuse_model_files
from zoo_core.tasks import Task
from zoo_core.tuning import freeze, main_classifier
from zoo_evaluation import Dataset, Evaluation, EvaluationJob

from ._checks import unreadable
from ._frozen import BATCH
from ._lora import RATE, add_adapters, require_adaptable
from ._processes import Processes
from ._recipe import Recipe, read_recipe, require_used
from ._split import open_split
from ._training import Training


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a training is made of, before it begins: for loops of one's own, too.

    Args:
        training: Reads samples, and computes losses.
        held_out: The samples for validation.
        categories: The classes, if the task has any.
        notes: What was noticed in the data.
        entry: The classes and the preprocessing, as a weights entry.
        model: Which network.
        weights: What it begins with.
    """

    training: Training[Any]
    held_out: Dataset[Any]
    categories: tuple[str, ...] | None
    notes: tuple[str, ...]
    entry: WeightsEnum
    model: str
    weights: str | None

    def network(self) -> nn.Module:
        """Build the network: the same one for the same recipe, some of it frozen, or adapted, if that says so."""
        recipe = self.training.recipe
        torch.manual_seed(recipe.seed)
        arguments = self.training.builder_arguments(self.categories) | dict(task_of(self.model).arguments)
        network = _built(self.model, self.weights, {**arguments, **recipe.arguments})
        if recipe.freeze:
            freeze(network, main_classifier(network) if recipe.freeze == "head" else recipe.freeze)
        if recipe.lora:
            add_adapters(network, recipe.lora)
        return network

    def validation(
        self, device: str = "cpu", workers: int = 2, processes: Processes | None = None
    ) -> Callable[[nn.Module], dict[str, float]]:
        """Return what measures a network on the samples for validation: a function that gives metrics by name."""
        return _validation(
            lambda network, **more: self._job(network, device, workers, **more), processes or Processes()
        )

    def evaluation(self, network: nn.Module, device: str = "cpu", workers: int = 2) -> Evaluation[Any]:
        """Return the task's evaluation of the samples for validation."""
        return self._job(network, device, workers).evaluation

    def _job(self, network: nn.Module, device: str, workers: int, **more: Any) -> EvaluationJob:
        return EvaluationJob(
            model=network, dataset=self.held_out, weights=self.entry, task=task_of(self.model).name, device=device,
            workers=workers, batch_size=BATCH if self.training.holds == "classes" else None, **more,
        )  # fmt: skip


def prepare(
    model: str,
    data: "Path | str | tuple[Dataset[Any], Dataset[Any]]",
    recipe: Recipe | Mapping[str, Any] | None = None,
    *,
    recipe_file: Path | str | None = None,
    weights: str | None = "DEFAULT",
    layout: str | None = None,
    begun: Recipe | None = None,
) -> Prepared:
    """Read and check the data, and complete the recipe. Arguments and errors are those of `train`.

    Args:
        model: A registered model, or the name of a saved one.
        data: A folder, or two data sets.
        recipe: The whole recipe, or those of its values that are not the usual ones.
        recipe_file: A recipe in a file.
        weights: What the network begins with.
        layout: The data's layout.
        begun: The recipe of a run that goes on, which is then what is usual.

    Example:
        >>> from zoo_training import prepare
        >>> prepared = prepare("resnet18", "flowers/", {"validation": 0.5})
        >>> prepared.categories, len(prepared.training.dataset), len(prepared.held_out)
        (('rose', 'tulip'), 4, 4)
    """
    task = task_of(model)
    refuse_model_files(get_model_weights(model), "it cannot be trained; train the model that it was made of")
    told = _chosen(begun or Recipe(), recipe, recipe_file)
    kind, network = _kind(task, model, weights, told)
    train_set, held_out, notes = _data(data, kind, told, layout)
    usual = begun or kind.usual_recipe(len(train_set), freeze=told.freeze, pretrained=weights is not None)
    if told.lora and weights is not None and begun is None:
        usual = usual.but(lr=RATE * usual.lr)
    notes += kind.check(train_set, held_out)
    if task.media in {"images", "image pairs"}:
        unreadable([*train_set, *held_out])
    categories = kind.categories(train_set)
    first = _entry(model, weights, categories)
    whole = _chosen(usual, recipe, recipe_file)
    require_used(whole, kind.holds, usual)
    training = kind(train_set, whole, first)
    training.check_network(network)
    entry = _weights_entry(lambda: training.preset, first.meta | training.facts())
    return Prepared(
        training=training,
        held_out=held_out,
        categories=categories,
        notes=tuple(notes),
        entry=entry,
        model=model,
        weights=weights,
    )


def _kind(task: Task, model: str, weights: str | None, recipe: Recipe) -> tuple[type[Training[Any]], nn.Module]:
    """Return how a model is trained, and its network without weights, on the device `meta`."""
    if task.training is None:
        raise ValueError(f"{model} is for {task.name}, for which no training is known.")
    kind: type[Training[Any]] = load_reference(task.training)
    with without_files(), DeferredInitialization():
        network = _built(model, weights, recipe.arguments)
        if recipe.lora:
            require_adaptable(network)
    return kind.of_network(network), network.to("meta")


def _chosen(usual: Recipe, given: Recipe | Mapping[str, Any] | None, file: Path | str | None) -> Recipe:
    """Return the recipe of a call: what it says, else what the file says, else what is usual."""
    if isinstance(given, Recipe):
        return given
    base = usual if file is None else read_recipe(file, usual)
    return base.but(**(given or {}))


def _data(
    data: "Path | str | tuple[Dataset[Any], Dataset[Any]]",
    kind: type[Training[Any]],
    recipe: Recipe,
    layout: str | None,
) -> tuple[Dataset[Any], Dataset[Any], list[str]]:
    if isinstance(data, tuple):
        train_set, held_out = data
    else:
        train_set, held_out = open_split(Path(data), kind.holds, recipe.validation, recipe.seed, layout)
    train_set, held_out = kind.selected(train_set, held_out)
    return train_set, held_out, [*train_set.notes]


def _entry(model: str, weights: str | None, categories: tuple[str, ...] | None) -> WeightsEnum:
    """Return a weights entry for what is trained: the classes of the data, and the preprocessing of the model."""
    usual = get_model_weights(model)["DEFAULT"] if weights is None else get_model_weights(model).verify(weights)
    assert usual is not None
    meta = usual.meta | {"_metrics": {}}
    if categories is not None:
        meta["categories"] = list(categories)
    return _weights_entry(usual.transforms, meta)


def _weights_entry(transforms: Callable[..., Any], meta: dict[str, Any]) -> WeightsEnum:
    enum: Any = WeightsEnum
    entry: WeightsEnum = enum("TrainedWeights", {"DEFAULT": Weights("", transforms, meta)})["DEFAULT"]
    return entry


def _built(model: str, weights: str | None, arguments: Mapping[str, Any]) -> nn.Module:
    """Build a network; without weights its backbone has none either, unless the recipe says so."""
    builder = get_model_builder(model)
    alone = weights is None and "weights_backbone" in signature(builder).parameters
    backbone = {"weights_backbone": None} if alone else {}
    return builder(weights=weights, **{**backbone, **arguments})


def _validation(job: Callable[..., EvaluationJob], processes: Processes) -> Callable[[nn.Module], dict[str, float]]:
    """Return what measures a network: all processes together if they share a disk, else the first one for all."""

    def measured(network: nn.Module, **more: Any) -> dict[str, float]:
        record = job(network, **more).run()
        assert record is not None
        return {metric.name: metric.value for metric in record.metrics}

    def together(network: nn.Module) -> dict[str, float]:
        with TemporaryDirectory() as temporary:  # of the first, where all predictions meet
            meeting = processes.from_first(temporary)
            found: dict[str, float] = {}
            if processes.share_a_disk:
                found = measured(network, output=meeting)
            elif processes.is_first:
                found = measured(network, output=meeting, shard=(1, 1))
            processes.of_all(None)  # nobody reads there any more
            return dict(processes.from_first(found))

    return measured if processes.count == 1 else together
