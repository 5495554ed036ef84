"""A recipe: every number that a training depends on, in a file that people read and change."""

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from zoo_core.names import closest


def _stated(default: Any, text: str, of: tuple[str, ...] = ()) -> Any:  # as dataclasses.field has it
    """State a value: its default, what it means, and what data sets hold for which it counts; all, if empty."""
    metadata = {"text": text, "of": of}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


_IMAGES, _VIDEOS, _MAPS, _OBJECTS, _FLOWS = HELD = ("classes", "videos", "label maps", "objects", "flows")
"""What `Training.holds` may be of zoo's own tasks."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is trained. Each task has its own defaults (`Training.recipe`).

    Raises:
        ValueError: A value is out of range.
        TypeError: A value has another type.

    Example:
        >>> from zoo_training import Recipe
        >>> Recipe(epochs=10).but(lr=0.01).lr
        0.01
    """

    epochs: int = _stated(30, "How often each sample is seen.")
    batch_size: int = _stated(32, "Samples in a step, of all processes together.")
    optimizer: str = _stated("adamw", "adamw, or sgd with Nesterov's momentum.")
    lr: float = _stated(1e-3, "The greatest learning rate.")
    momentum: float = _stated(0.9, "Of sgd.")
    weight_decay: float = _stated(0.05, "Not of biases and normalisation.")
    layer_decay: float = _stated(1.0, "By what the learning rate shrinks from each layer to the one before it.")
    warmup: float = _stated(0.05, "The share of the steps in which the learning rate grows.")
    final_lr: float = _stated(0.0, "Where the cosine ends, as a share of the greatest learning rate.")
    clip_gradients: float = _stated(1.0, "The greatest norm of all gradients together; 0 for none.")
    ema_decay: float = _stated(0.999, "Of the moving average of the weights, which is what is kept; 0 for none.")
    label_smoothing: float = _stated(
        0.1, "The share of the truth that is spread over all classes.", of=(_IMAGES, _VIDEOS, _MAPS)
    )
    mixup: float = _stated(
        0.0, "Mix pairs of images: alpha of the beta distribution; 0 for none.", of=(_IMAGES, _VIDEOS)
    )
    cutmix: float = _stated(
        0.0, "Paste pieces of other images: alpha of the beta distribution; 0 for none.", of=(_IMAGES, _VIDEOS)
    )
    flip: float = _stated(0.5, "How often images are mirrored, left to right.")
    crop: float = _stated(
        0.35, "The least share of an image that is cut out and enlarged; 1 for all of it.", of=(_IMAGES, _VIDEOS)
    )
    color: float = _stated(0.3, "How far brightness, contrast and saturation change, at most; 0 for not at all.")
    scale_jitter: float = _stated(
        0.0, "Scenes are scaled by 1 / (1 + x) to 1 + x; 0 for not at all.", of=(_MAPS, _OBJECTS, _FLOWS)
    )
    least_scale: float = _stated(
        0.0, "The least of these factors, if another one: 0.1 with a scale_jitter of 1.", of=(_OBJECTS,)
    )
    size: int = _stated(0, "Side of the training images, in pixels; 0 for that of the model's preprocessing.")
    clip_len: int = _stated(0, "Videos: frames of a clip; 0 for as many as the model's weights state.", of=(_VIDEOS,))
    frame_rate: float = _stated(
        0.0, "Videos: frames a second within a clip; 0 for the rate that the weights state.", of=(_VIDEOS,)
    )
    flow_updates: int = _stated(12, "Optical flow: how often the network refines its flow.", of=(_FLOWS,))
    precision: str = _stated("auto", "float32, bfloat16 (autocast), or auto: bfloat16 where that is faster.")
    freeze: str = _stated("", "Modules before this one are not trained; head for all but the classifier.")
    lora: int = _stated(0, "Rank of adapters in a transformer's blocks, which train with the classifier; 0 for none.")
    views: int = _stated(
        1, "Of a frozen network: the plain sample, and changed ones, whose features are kept.", of=(_IMAGES,)
    )
    patience: int = _stated(0, "Stop after so many validations without progress; 0 for never.")
    validation: float = _stated(0.2, "The share of the samples that is kept for validation, where there is no split.")
    seed: int = _stated(0, "Of everything random.")
    arguments: Mapping[str, Any] = _stated({}, "More arguments of the model's builder.")

    def __post_init__(self) -> None:
        for each in fields(self):
            value, kind = getattr(self, each.name), type(_default(each.name))
            if kind is float and isinstance(value, int) and not isinstance(value, bool):
                object.__setattr__(self, each.name, float(value))
            elif not isinstance(value, Mapping) if kind is dict else type(value) is not kind:
                raise TypeError(f"{each.name} should be {_called(kind)}, found {value!r}.")
        _check(self)

    def but(self, **changes: Any) -> Self:
        """Return the recipe with other values.

        Raises:
            ValueError: A recipe has no such value.
        """
        for name in changes:
            if name not in _NAMES:
                raise ValueError(f"A recipe has no {name!r}.{closest(name, _NAMES)}")
        return replace(self, **changes)


def require_used(recipe: Recipe, holds: str, *usual: Recipe) -> None:
    """Refuse values that the training of a task does not use, which would have no effect.

    Args:
        recipe: What is asked for.
        holds: What the task's data sets hold, as `Training.holds` has it. Tasks of other packages may use any value.
        *usual: Recipes whose values nobody has asked for, beside the defaults.

    Raises:
        ValueError: There are some; the text says for which tasks they are.

    Example:
        >>> from zoo_training._recipe import Recipe, require_used
        >>> require_used(Recipe(mixup=0.2), "videos")
    """
    if holds not in HELD:
        return
    nobody_asked = (Recipe(), *usual)
    told = []
    for each in fields(recipe):
        value, of = getattr(recipe, each.name), each.metadata["of"]
        if of and holds not in of and value not in [getattr(one, each.name) for one in nobody_asked]:
            told.append(f"{each.name} = {value} (for {_listed(of)})")
    if told:
        raise ValueError(f"Training of {holds} does not use {', '.join(told)}: leave that out.")
    if recipe.optimizer != "sgd" and recipe.momentum not in [one.momentum for one in nobody_asked]:
        raise ValueError(
            f'momentum = {recipe.momentum} is of sgd, found optimizer = "{recipe.optimizer}": add '
            'optimizer = "sgd", or leave it out.'
        )
    has_features = recipe.freeze == "head" and not (recipe.mixup or recipe.cutmix)
    if recipe.views not in [one.views for one in nobody_asked] and not has_features:
        raise ValueError(
            f"views = {recipe.views} is for the features of a frozen network, without mixup and cutmix: add "
            'freeze = "head", or leave it out.'
        )


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]


_NAMES = tuple(each.name for each in fields(Recipe))


def _default(name: str) -> Any:  # of any type
    return getattr(Recipe, name, {})


def _called(kind: type) -> str:
    return {int: "a whole number", float: "a number", str: "a text", dict: "a table"}[kind]


_LEAST = {"epochs": 1, "batch_size": 1, "flow_updates": 1, "lora": 0, "patience": 0, "seed": 0, "size": 0, "views": 1}
_LEAST |= dict.fromkeys(("clip_gradients", "mixup", "cutmix", "color", "weight_decay"), 0)
_LEAST |= dict.fromkeys(("scale_jitter", "least_scale", "clip_len", "frame_rate"), 0)
_SHARES = ("warmup", "final_lr", "label_smoothing", "flip", "validation", "momentum", "ema_decay")
_CHOICES = {"optimizer": ("adamw", "sgd"), "precision": ("auto", "float32", "bfloat16")}


def _check(recipe: Recipe) -> None:
    for name, minimum in _LEAST.items():
        if not minimum <= getattr(recipe, name) < float("inf"):
            raise ValueError(f"{name} should be at least {minimum}, found {getattr(recipe, name)}.")
    for name in _SHARES:
        value = getattr(recipe, name)
        if not (0 <= value < 1 or (value == 1 and name == "flip")):
            raise ValueError(f"{name} should be from 0 to 1, found {value}.")
    for name in ("lr", "crop", "layer_decay"):
        most = sys.float_info.max if name == "lr" else 1
        if not 0 < getattr(recipe, name) <= most:
            raise ValueError(f"{name} should be above 0, and {most:g} at most, found {getattr(recipe, name)}.")
    for name, known in _CHOICES.items():
        if getattr(recipe, name) not in known:
            raise ValueError(f"{name} should be one of {', '.join(known)}, found {getattr(recipe, name)!r}.")
    if recipe.lora and recipe.freeze:
        raise ValueError(f"lora freezes all but adapters and classifier: leave out freeze, found {recipe.freeze!r}.")


def read_recipe(path: Path | str, base: Recipe | None = None) -> Recipe:
    """Read a recipe; what the file does not state is as in `base`.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no TOML, or has something that a recipe has not, or a value is out of range.
        TypeError: A value has another type.

    Example:
        >>> from zoo_training import Recipe, read_recipe, write_recipe
        >>> write_recipe(Recipe(lr=0.01), "mine.toml")
        >>> read_recipe("mine.toml").lr
        0.01
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no TOML: {error}") from None
    try:
        return (base or Recipe()).but(**values)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{path}: {error}") from None


def write_recipe(recipe: Recipe, path: Path | str) -> None:
    """Write a recipe, with what each value means.

    Example:
        >>> from zoo_training import Recipe, write_recipe
        >>> write_recipe(Recipe(epochs=3), "recipe.toml")
    """
    from ._files import write_whole

    lines = []
    for each in fields(recipe):
        value = getattr(recipe, each.name)
        if each.name == "arguments":
            lines += [f"# {each.metadata['text']}", "[arguments]"]
            lines += [f"{name} = {_toml(inner)}" for name, inner in value.items()]
        else:
            lines += [f"# {each.metadata['text']}", f"{each.name} = {_toml(value)}", ""]
    write_whole(Path(path), "\n".join(lines) + "\n")


def _toml(value: Any) -> str:
    import json

    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int | float):
        return repr(value)
    raise ValueError(f"A recipe cannot hold {value!r}: numbers, texts, booleans and lists of these can be written.")
