"""The weights of a saved model: an entry as those of the catalogue, which knows its file by the manifest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoo_core._catalogue import ModelEntry
from zoo_core._registry import get_model_weights
from zoo_core._weights import Preset, Weights
from zoo_core.errors import SavedModelError
from zoo_core.files import WeightsFile
from zoo_core.names import Later

from ._own_weights import OwnWeights

if TYPE_CHECKING:
    from torch import nn

    from . import _model
else:
    nn, _model = Later("torch.nn"), Later("zoo_core.saved._model")

_DIGITS = 12
"""How much of a digest tells people one file from another."""


class SavedWeights(OwnWeights):
    """The weights of a saved model.

    Example:
        >>> from zoo_core import get_model_weights
        >>> get_model_weights("local-dir:runs/digits").DEFAULT.meta["categories"][:2]
        ['zero', 'one']
    """

    @property
    def saved(self) -> "_model.SavedModel":
        """The model that they are of."""
        return super().saved  # type: ignore[return-value] # as `weights_enum` makes them

    @property
    def files(self) -> tuple[WeightsFile, ...]:
        """That file, and `config.json`."""
        return self.saved.files

    @property
    def made_of(self) -> str:
        """The files with the first digits of their SHA-256: another model may get the same name."""
        digests = (file.digest.hexadecimal[:_DIGITS] if file.digest else "" for file in self.files)
        return ", ".join(f"{file.name} {digest}" for file, digest in zip(self.files, digests, strict=True))


@dataclass(frozen=True)
class SavedPreset(Preset):
    """A preset with arguments out of a `config.json`, which may be anything.

    Args:
        model: What messages call the model.
    """

    model: str = ""

    def __call__(self, **overrides: object) -> "nn.Module":
        """Build the preset.

        Raises:
            SavedModelError: The arguments do not fit it.
        """
        try:
            return super().__call__(**overrides)
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            if overrides:
                raise
            name = self.target.rpartition(":")[2]
            raise SavedModelError(f"{self.model}: the preprocessing {name} cannot be built: {error}") from error


def weights_enum(model: "_model.SavedModel") -> type[SavedWeights]:
    """Return an enum with the model's weights as its only member, `DEFAULT`."""
    config, file = model.config, model.weights_file
    preset = stated_preset(model.architecture, config.preprocessing, model.name)
    meta = {
        **config.facts,
        "_docs": f"A model of one's own, saved with the architecture {config.architecture}.",
        "_metrics": {name: dict(values) for name, values in config.metrics.items()},
        "license": config.license,
        "parent": None if config.parent is None else dict(config.parent),
    }
    if config.categories is not None:
        meta["categories"] = list(config.categories)
    if isinstance(meta.get("min_size"), list):
        meta["min_size"] = tuple(meta["min_size"])
    if config.num_params is not None:
        meta["num_params"] = config.num_params
    return SavedWeights.for_model(model, Weights(file.url, preset, meta))


def stated_preset(architecture: ModelEntry, stated: Mapping[str, Any], name: str) -> Preset:
    """Return the preset that a file states, which may say anything: one of zoo's own, or of a published entry.

    Args:
        architecture: The registered model, of whose entries it may be.
        stated: The preset's class as `"preset"`, and its arguments.
        name: What messages call the file.

    Raises:
        SavedModelError: It is none of these: nothing else that a file names may be imported.

    Example:
        >>> from zoo_core import get_model_entry
        >>> from zoo_core.saved import stated_preset
        >>> stated_preset(get_model_entry("resnet18"), {"preset": "os:system", "command": "ls"}, "model.onnx")
        Traceback (most recent call last):
        zoo_core.errors.SavedModelError: model.onnx states the preset 'os:system': expected one of ...
    """
    arguments = dict(stated)
    preset, known = arguments.pop("preset", None), preset_targets(architecture)
    if not isinstance(preset, str) or preset not in known:
        raise SavedModelError(
            f"{name} states the preset {preset!r:.80}: expected one of {', '.join(sorted(known))}. "
            "Is the package that has it installed?"
        )
    return SavedPreset(known[preset], arguments, name)


def preset_targets(architecture: ModelEntry) -> dict[str, str]:
    """Return the presets that a saved model may name, by name: zoo's own, and those of its architecture's entries."""
    from zoo_core import transforms

    published = get_model_weights(architecture.name) if architecture.weights else ()
    presets = (member.transforms for member in published)
    classes = (name for name in dir(transforms) if name[0].isupper() and not name.endswith("Mode"))
    targets = {*classes, *(preset.target for preset in presets if isinstance(preset, Preset))}
    return {target.rpartition(":")[2]: target for target in sorted(targets)}
