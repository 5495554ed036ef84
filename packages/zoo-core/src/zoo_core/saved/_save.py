"""Saves a model as a folder, from which it is built again by name."""

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from zoo_core._catalogue import ModelEntry
from zoo_core._registry import get_model_builder, get_model_entry, get_model_weights, list_models
from zoo_core._weights import Preset, WeightsEnum
from zoo_core.building import DeferredInitialization, Origin, origin_of, without_files
from zoo_core.checkpoints import write_safetensors
from zoo_core.errors import ManifestError
from zoo_core.files import MANIFEST_NAME, FileFact, Manifest, sha256_of
from zoo_core.files.manifests._on_disk import read_manifest
from zoo_core.files.store._paths import temporary_beside
from zoo_core.files.transfer._owner_process import is_recent
from zoo_core.transforms._presets import preset_arguments

from ._card import model_card
from ._config import CARD_NAME, CONFIG_NAME, STATED_ELSEWHERE, USAGE, WEIGHTS_NAME, Config
from ._copies import put_in_place
from ._model import SavedModel, find_saved
from ._names import LOCAL
from ._weights import preset_targets


def save_model(
    model: nn.Module,
    folder: str | os.PathLike[str],
    *,
    categories: Sequence[str] | None = None,
    preset: "Preset | nn.Module | None" = None,
    metrics: Mapping[str, Mapping[str, float]] | None = None,
    license: str | None = None,  # noqa: A002 # as everywhere
    facts: Mapping[str, Any] | None = None,
    description: str = "",
    architecture: str | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> SavedModel:
    """Save a model as a folder, with what is needed to use it again.

    The folder holds `model.safetensors`, `config.json`, a model card (`README.md`, unless there is one that is not
    zoo's) and `manifest.json`; other files in it stay. `get_model("local-dir:folder")` builds the model from it.

    Args:
        model: The model. One that `torch.compile` or `DistributedDataParallel` has wrapped is unwrapped.
        folder: Where to; it is made if need be, and a model that is in it is replaced.
        categories: Names of the classes, by index, of detectors with the background as the first; by default those of
            the weights that the model was built with, if it still has as many.
        preset: The preprocessing, a `Preset` or an instance of a preset; by default that of the weights that the model
            was built with, or of the architecture's default weights.
        metrics: What was measured, by data set and metric.
        license: By SPDX's identifier; by default `unknown`.
        facts: What else `weights.meta` is to say, as JSON has it.
        description: For the model card, as Markdown.
        architecture: The registered name of the model, where it was not built by zoo in this program.
        arguments: Its builder's arguments, likewise.

    Returns:
        The saved model.

    Raises:
        ValueError: The model is not what its architecture and arguments make, or not what a file can hold; or the
            categories are not known, or not as many as the model has classes; or the preset is nobody's that zoo knows.
        OSError: The folder cannot be written.

    Example:
        >>> from zoo_core import get_model, get_model_weights, save_model
        >>> model = get_model("shufflenet_v2_x0_5_digits", num_classes=2)
        >>> saved = save_model(model, "cats-and-dogs", categories=["cat", "dog"])
        >>> get_model_weights("local-dir:cats-and-dogs").DEFAULT.meta["categories"]
        ['cat', 'dog']
    """
    model = unwrapped(model)
    config = config_of(
        model, _origin(model, architecture, arguments), categories, preset, metrics or {}, license, facts or {}
    )
    _write(model, Path(folder), config, description)
    saved = find_saved(f"{LOCAL}{os.fspath(folder)}")
    assert saved is not None
    return saved


def config_of(
    model: nn.Module,
    origin: Origin,
    categories: Sequence[str] | None = None,
    preset: "Preset | nn.Module | None" = None,
    metrics: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
    license: str | None = None,  # noqa: A002 # as everywhere
    facts: Mapping[str, Any] = MappingProxyType({}),
) -> Config:
    """Return what `config.json` says of a model; the arguments and errors are those of `save_model`."""
    entry = _entry_of(origin)
    parent = _inherited(entry, origin)
    origin = _fitted(model, entry, origin, categories)
    config = Config(
        architecture=entry.name,
        arguments=origin.arguments,
        task=entry.task,
        preprocessing=_preprocessing(entry, preset, parent),
        categories=_categories(categories, origin, parent),
        metrics={name: dict(values) for name, values in metrics.items()},
        parent=_parent(origin),
        license=license or "unknown",
        num_params=sum(parameter.numel() for parameter in model.parameters()),
        facts=_facts(parent, facts),
    )
    return Config.parse(config.to_json(), CONFIG_NAME)  # what could not be read again must not replace what can


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside what `torch.compile` and data parallelism have made of it."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if inner is None and isinstance(model, nn.parallel.DistributedDataParallel | nn.DataParallel):
            inner = model.module
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def _origin(model: nn.Module, architecture: str | None, arguments: Mapping[str, Any] | None) -> Origin:
    built = origin_of(model)
    if architecture is not None:
        if find_saved(architecture) is not None:
            raise ValueError(f"architecture= is a name of list_models(), found {architecture!r}, a saved model.")
        builder = get_model_builder(architecture)
        return Origin(f"{builder.__module__}:{builder.__name__}", _plain("the arguments", arguments or {}))
    if built is None:
        raise ValueError(
            f"It is not known how this {type(model).__name__} was built: give architecture= (a name of list_models()) "
            "and arguments= (of its builder)."
        )
    return replace(built, arguments=_plain("the builder's arguments", {**built.arguments, **(arguments or {})}))


def _entry_of(origin: Origin) -> ModelEntry:
    """Return the registered model whose builder made a network."""
    module, _, name = origin.builder.partition(":")
    for entry in map(get_model_entry, list_models()):
        if entry.builder == name and module.startswith(entry.module.partition(".")[0]):
            builder = get_model_builder(entry.name)
            if (builder.__module__, builder.__name__) == (module, name):
                return entry
    raise ValueError(f"{origin.builder} is not the builder of a registered model: give architecture= and arguments=.")


@dataclass(frozen=True)
class _Parent:
    """What the weights that a network began with say of their use."""

    preset: Any  # whatever makes a preset
    categories: Sequence[str] | None
    facts: Mapping[str, Any]


def _inherited(entry: ModelEntry, origin: Origin) -> _Parent | None:
    """Return what a network's first weights say: those of a saved model, of the catalogue, or none."""
    if origin.parent_facts is not None:
        stated = origin.parent_facts
        arguments = dict(stated["preprocessing"])
        preset = Preset(preset_targets(entry)[arguments.pop("preset")], arguments)
        return _Parent(preset, stated["categories"], stated["facts"])
    named = origin.arguments.get("weights")
    member = None if named is None or entry.weights is None else get_model_weights(entry.name).verify(named)
    return None if member is None else _Parent(member.transforms, member.meta.get("categories"), member.meta)


def _fitted(model: nn.Module, entry: ModelEntry, origin: Origin, categories: Sequence[str] | None) -> Origin:
    """Return the call that makes a network with the tensors of this one: with as many classes as it is given names."""
    state = model.state_dict()
    named = origin.given(num_classes=len(categories)) if categories is not None else origin
    differences: dict[str, None] = {}
    counted = "num_classes" in origin.arguments
    for candidate in (origin, named) if counted else (named, origin):
        differences = dict.fromkeys(_differences(_made(entry, candidate), state))
        if not differences:
            return candidate
    raise ValueError(
        f"This model is not what {entry.name}({_shown(named.arguments)}) makes: {'; '.join(list(differences)[:5])}. "
        "Give the arguments that do (arguments=), and as many categories as it has classes."
    )


def _made(entry: ModelEntry, origin: Origin) -> nn.Module:
    try:
        with without_files(), DeferredInitialization():
            return get_model_builder(entry.name)(**origin.arguments)
    except TypeError as error:
        raise ValueError(f"{entry.name} does not take {_shown(origin.arguments)}: {error}") from error


def _differences(made: nn.Module, state: Mapping[str, Any]) -> list[str]:
    expected = made.state_dict()
    found = [f"{name} is missing" for name in expected if name not in state]
    found += [f"{name} is not expected" for name in state if name not in expected]
    for name, value in expected.items():
        other = state.get(name)
        if isinstance(value, torch.Tensor) and isinstance(other, torch.Tensor) and value.shape != other.shape:
            found.append(f"{name} has shape {tuple(other.shape)}, expected {tuple(value.shape)}")
    return found


def _categories(categories: Sequence[str] | None, origin: Origin, parent: _Parent | None) -> tuple[str, ...] | None:
    count = origin.arguments.get("num_classes")
    known = None if parent is None else parent.categories
    if categories is None:
        categories = known if known is not None and (count is None or len(known) == count) else None
    if categories is None and not count:  # 0 for a network without a classifier
        return None
    if categories is None or len(categories) != count:
        has = "another number of" if count is None else count
        found = "none are given" if categories is None else f"{len(categories)} are given"
        raise ValueError(f"The model has {has} classes, and {found}: name all of them with categories=.")
    return tuple(map(str, categories))


def _preprocessing(entry: ModelEntry, preset: Any, parent: _Parent | None) -> dict[str, Any]:  # makes a preset
    """Return what `config.json` says of a preset, which must be one that can be made of that again."""
    if preset is None:
        preset = _usual_preset(entry) if parent is None else parent.preset
    built = preset if isinstance(preset, nn.Module) else preset()
    name, arguments = type(built).__name__, _plain("the preset", preset_arguments(built))
    known = preset_targets(entry)
    if name not in known or Preset(known[name]).func is not type(built):
        raise ValueError(
            f"The preset {type(built).__module__}.{name} cannot be saved: expected one of {', '.join(sorted(known))}."
        )
    return {"preset": name} | arguments


def _usual_preset(entry: ModelEntry) -> Any:  # whatever makes a preset
    if entry.weights is None:
        raise ValueError(f"{entry.name} has no published weights to take the preprocessing from: give preset=.")
    return get_model_weights(entry.name)["DEFAULT"].transforms


def _facts(parent: _Parent | None, given: Mapping[str, Any]) -> dict[str, Any]:
    for name in given:
        if name.startswith("_") or name in STATED_ELSEWHERE:
            raise ValueError(f"facts has {name!r}, which is said elsewhere, or not of a model of one's own.")
    kept = {} if parent is None else {name: parent.facts[name] for name in USAGE if name in parent.facts}
    return _plain("facts", {**kept, **given})


def _parent(origin: Origin) -> dict[str, str] | None:
    if origin.parent is None:
        return None
    return {"name": origin.parent} | ({"sha256": origin.parent_digest} if origin.parent_digest else {})


def _plain(what: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as JSON has them; what cannot be written is an error that names it."""
    plain = {}
    for name, value in values.items():
        try:
            text = json.dumps(value, default=_enum_value, allow_nan=False)
        except (TypeError, ValueError):
            raise ValueError(
                f"{what} has {name}={value!r:.80}, which config.json cannot hold: numbers, texts, booleans, None, and "
                "lists and objects of these can be saved."
            ) from None
        plain[name] = json.loads(text)
    return plain


def _enum_value(value: object) -> object:
    if isinstance(value, WeightsEnum):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    raise TypeError


def _shown(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def _write(model: nn.Module, folder: Path, config: Config, description: str) -> None:
    """Write the files beside their places, and move them there when all are whole; the manifest last."""
    state = model.state_dict()
    without = [name for name, value in state.items() if getattr(value, "is_meta", False)]
    if without:
        raise ValueError(f"This model has no values to be saved: {without[0]} is on the meta device.")
    folder.mkdir(parents=True, exist_ok=True)
    whole = {name: temporary_beside(folder / name) for name in (WEIGHTS_NAME, CONFIG_NAME, CARD_NAME)}
    whole[WEIGHTS_NAME] = whole[WEIGHTS_NAME].with_suffix(".safetensors")  # by which it is read again
    try:
        reason = write_safetensors(state, whole[WEIGHTS_NAME])
        if reason is not None:
            raise ValueError(f"This model cannot be saved as safetensors: {reason}.")
        whole[CONFIG_NAME].write_bytes(config.to_json())
        files = {name: _fact(whole[name]) for name in (WEIGHTS_NAME, CONFIG_NAME)}
        text = model_card(folder.absolute().name, config, files, description).encode()
        if _has_own_card(folder, text):
            del whole[CARD_NAME]
        else:
            whole[CARD_NAME].write_bytes(text)
            files[CARD_NAME] = _fact(whole[CARD_NAME])
        put_in_place(folder, whole, Manifest(files))
        _remove_abandoned(folder)
    finally:
        for path in whole.values():
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def _remove_abandoned(folder: Path) -> None:
    """Delete what a process has left that was killed while it saved; what is recent may still be written."""
    for name in (WEIGHTS_NAME, CONFIG_NAME, CARD_NAME, MANIFEST_NAME):
        for path in folder.glob(f"{name}.????????.*"):
            with contextlib.suppress(OSError):
                if path.suffix in {".new", ".safetensors"} and not is_recent(path.lstat().st_mtime):
                    path.unlink()


def _fact(path: Path) -> FileFact:
    return FileFact(sha256_of(path), path.stat().st_size)


def _has_own_card(folder: Path, text: bytes) -> bool:
    """Tell whether there is a README that somebody else than zoo has written."""
    card = folder / CARD_NAME
    if not card.exists() or card.read_bytes() == text:  # the same is left where saving was cut off
        return False
    try:
        stated = read_manifest(folder / MANIFEST_NAME, MANIFEST_NAME).files.get(CARD_NAME)
    except ManifestError:
        return True
    return stated is None or sha256_of(card) != stated.sha256
