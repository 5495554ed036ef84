"""Puts a training together: data, model, recipe; and saves what comes out of it."""

import json
import math
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from zoo_core import get_model_weights, save_model
from zoo_core.prediction import find_device
from zoo_evaluation import Dataset

from ._board import Board
from ._checkpoint import CHECKPOINT, read_checkpoint
from ._engine import Engine
from ._files import remove_partial, write_whole
from ._frozen import FrozenNetwork, frozen_network
from ._head import head_engine, remove_features
from ._identity import identity_of, require_same
from ._journal import read_journal
from ._lora import merge_adapters
from ._page import write_page
from ._precision import choose_precision
from ._prepare import Prepared, prepare
from ._processes import Processes, launched
from ._recipe import Recipe, read_recipe, write_recipe
from ._run import Run
from ._training import Training

RECIPE, SPLIT, WEIGHTS = "recipe.toml", "split.json", "model.safetensors"


def train(
    model: str,
    data: "Path | str | tuple[Dataset[Any], Dataset[Any]]",
    recipe: Recipe | Mapping[str, Any] | None = None,
    *,
    output: Path | str,
    recipe_file: Path | str | None = None,
    weights: str | None = "DEFAULT",
    layout: str | None = None,
    device: str = "cpu",
    workers: int = 2,
    resume: bool = False,
    report: Callable[[Mapping[str, Any]], None] = lambda row: None,
) -> Run:
    """Train a model on data of one's own, and save it as a folder that is found by name.

    A run that was stopped, at whatever moment, goes on with `resume=True`, and ends with the same weights bit for bit
    as one that was not (on the processor of one machine, with as many threads and processes). One that is finished, and
    whose checkpoint has been deleted, stays as it is, and is returned. Called in each of several processes that
    `torchrun` has started, they share each batch, and the first of them writes.

    Args:
        model: A registered model, or the name of a saved one.
        data: A folder in a layout that `zoo_evaluation.open_dataset` reads, or two data sets: one to train on, and one
            to measure with. A folder that is not divided is divided by chance.
        recipe: The whole recipe, or those of its values that are not the task's usual ones for as much data.
        output: The run's folder, which becomes the saved model.
        recipe_file: A recipe in a file; values of `recipe` count more.
        weights: What the network begins with: an entry of the model's, or `None` for one that is initialised at random.
        layout: The data's layout, where that cannot be told from its files.
        device: Where to train.
        workers: Processes that read samples ahead.
        resume: Go on with the run in `output`, if there is one, with its recipe.
        report: Called after each epoch with what was measured.

    Returns:
        The run.

    Raises:
        DatasetError: The data set is not whole, or cannot be trained on.
        ValueError: The model is for a task without training, or `output` has another run.
        TrainingError: The loss is not a number.
        InterruptError: It was asked to stop, by Ctrl-C, for instance.
        OSError: There is no room for a checkpoint.
        WeightsUnavailableError: No source has the weights.

    Example:
        >>> from zoo_training import train
        >>> run = train("resnet18", "flowers/", {"epochs": 1, "size": 64}, output="runs/mine", workers=0)
        >>> 0 <= run.metrics["acc@1"] <= 100
        True
        >>> run.name
        'local-dir:runs/mine'
    """
    folder = Path(output)
    with launched(device) as (processes, own_device):
        begun = processes.from_first(_begun(folder, resume=resume) if processes.is_first else None)
        prepared = prepare(model, data, recipe, recipe_file=recipe_file, weights=weights, layout=layout, begun=begun)
        finished: Run | None = processes.from_first(_finished(folder, prepared, begun) if processes.is_first else None)
        if finished is not None:
            return finished
        network = prepared.network().to(find_device(own_device))
        frozen = frozen_network(network, prepared.training) if processes.count == 1 else None
        training = _decided(prepared.training, None if frozen else network, begun, processes)
        prepared = replace(prepared, training=training)
        identity = identity_of(model, weights, training.recipe, training.dataset, prepared.held_out)
        _check_goes_on(folder, identity)
        if processes.is_first:
            _write_down(folder, training.recipe, training.dataset, prepared.held_out)
        with ExitStack() as stack:
            if frozen is None and processes.count == 1:
                stack.enter_context(training.caching(folder))
            told = _told(stack, folder, report) if processes.is_first else report
            engine = _engine(
                prepared, network, frozen, folder, processes, workers=workers, identity=identity, report=told
            )
            journal = engine.run()
        metrics = journal.rows[engine.progress.best_epoch - 1]["metrics"]
        notes = [*prepared.notes]
        if training.recipe.lora:
            merge_adapters(network)
        if frozen is not None or training.recipe.lora:
            whole = prepared.validation(own_device, workers, processes)(network)
            notes += _difference(metrics, whole)
            metrics = whole
            remove_features(folder)
        if processes.is_first:
            remove_partial(folder)
            save_model(
                network.cpu().eval(),
                folder,
                categories=prepared.categories,
                preset=training.preset,
                metrics={"validation": {name: value for name, value in metrics.items() if math.isfinite(value)}},
                facts=training.facts(),
            )
            write_page(folder, prepared, network, journal.rows, metrics, notes)
        processes.of_all(None)  # the model is there for all of them
    return Run(folder=folder, metrics=metrics, epochs=tuple(journal.rows), notes=tuple(notes))


def _told(
    stack: ExitStack, folder: Path, report: Callable[[Mapping[str, Any]], None]
) -> Callable[[Mapping[str, Any]], None]:
    """Return what is called after each epoch: TensorBoard's files, and what the caller wants to know."""
    board = stack.enter_context(Board(folder, len(read_journal(folder))))

    def told(row: Mapping[str, Any]) -> None:
        board.add(row)
        report(row)

    return told


def _engine(
    prepared: Prepared,
    network: nn.Module,
    frozen: FrozenNetwork | None,
    folder: Path,
    processes: Processes,
    *,
    workers: int,
    identity: Mapping[str, Any],
    report: Callable[[Mapping[str, Any]], None],
) -> Engine:
    """Return what trains a network, or the classifier of a frozen one alone."""
    device = next(network.parameters()).device
    if frozen is not None:
        evaluation = prepared.evaluation(network, str(device), workers)
        return head_engine(
            frozen, prepared.training, prepared.held_out, evaluation, folder, workers=workers, identity=identity,
            device=device, report=report,
        )  # fmt: skip
    return Engine(
        network, prepared.training, folder, prepared.validation(str(device), workers, processes), device=device,
        workers=workers, identity=identity, report=report, processes=processes,
    )  # fmt: skip


def _finished(folder: Path, prepared: Prepared, begun: Recipe | None) -> Run | None:
    """Return the run in a folder if it is finished, and there is no checkpoint any more; `None` for any other.

    Raises:
        ValueError: It is another run than what was prepared.
        SavedModelError: Its model is damaged.
    """
    if begun is None or (folder / CHECKPOINT).exists() or not (folder / WEIGHTS).is_file():
        return None
    training = prepared.training
    now, before = (
        identity_of(prepared.model, prepared.weights, recipe, training.dataset, prepared.held_out)
        for recipe in (training.recipe, begun)
    )
    if _read_split(folder) != _split(training.dataset, prepared.held_out):
        before["samples"] = None
    require_same(folder, before, now)
    metrics = get_model_weights(f"local-dir:{folder}")["DEFAULT"].meta["_metrics"].get("validation", {})
    note = f"The run in {folder} was finished before: nothing was trained, and it stays as it is."
    return Run(folder=folder, metrics=metrics, epochs=tuple(read_journal(folder)), notes=(*prepared.notes, note))


def _check_goes_on(folder: Path, identity: Mapping[str, Any]) -> None:
    """Raise an error if the folder has another run, before anything is written into it."""
    state = read_checkpoint(folder) if folder.is_dir() else None
    if state is not None:
        before = state.get("identity", {})
        require_same(folder, {name: before.get(name) for name in identity}, identity)


def _begun(folder: Path, *, resume: bool) -> Recipe | None:
    """Return the recipe of the run in a folder; `None` if there is nothing.

    Raises:
        ValueError: There is something that is not to be gone on with.
    """
    if not (folder.is_dir() and any(folder.iterdir())):
        return None
    if not resume:
        raise ValueError(f"{folder} is not empty: choose another folder, or go on with what is there (--resume).")
    remove_partial(folder)
    if (folder / RECIPE).is_file():
        return read_recipe(folder / RECIPE)
    if any(folder.iterdir()):
        raise ValueError(f"{folder} has no run to go on with: there is no {RECIPE} in it.")
    return None


def _decided(
    training: Training[Any], network: nn.Module | None, begun: Recipe | None, processes: Processes
) -> Training[Any]:
    """Return the training with the recipe in which `auto` has become what is fastest here, or what it was before."""
    recipe = training.recipe
    if recipe.precision == "auto":
        found = begun.precision if begun is not None else "auto"
        if network is None:
            found = "float32"  # of a classifier alone
        elif found == "auto" and processes.is_first:
            found = choose_precision(training, network, next(network.parameters()).device)
        recipe = recipe.but(precision=processes.from_first(found))
    return training.following(recipe)


def _difference(found: Mapping[str, float], whole: Mapping[str, float]) -> list[str]:
    """Say where the network that is saved has other numbers than what trained: a classifier alone, or with adapters."""
    if found == whole:
        return []
    told = ", ".join(f"{name} {whole[name]:.3f} instead of {value:.3f}" for name, value in found.items())
    return [f"The whole network gives {told}: rounding decides between classes here."]


def _write_down(folder: Path, recipe: Recipe, train_set: Dataset[Any], held_out: Dataset[Any]) -> None:
    """Write down what decides the run, into its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_recipe(recipe, folder / RECIPE)
    split = _split(train_set, held_out)
    write_whole(folder / SPLIT, json.dumps(split, indent=1, ensure_ascii=False) + "\n")


def _split(train_set: Dataset[Any], held_out: Dataset[Any]) -> dict[str, list[str]]:
    """Return the names of the samples that are trained on, and of those for validation."""
    return {"train": [sample.name for sample in train_set], "validation": [sample.name for sample in held_out]}


def _read_split(folder: Path) -> Any:  # whatever the file holds
    """Return what `split.json` holds; `None` where that cannot be read."""
    try:
        return json.loads((folder / SPLIT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
