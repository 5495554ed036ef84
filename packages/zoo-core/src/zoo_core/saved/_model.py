"""A saved model, found by its name: what the registry gives for it, as for any other model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from zoo_core._catalogue import ModelEntry
from zoo_core._registry import get_model_builder, get_model_entry, is_saved_name
from zoo_core.errors import SavedModelError
from zoo_core.files import Manifest, WeightsFile
from zoo_core.names import Later

from ._config import CONFIG_NAME, WEIGHTS_NAME, Config
from ._names import parse_name
from ._places import Place, place_of, read_config
from ._weights import SavedWeights, weights_enum

if TYPE_CHECKING:
    from torch import nn
else:
    nn = Later("torch.nn")


@dataclass(frozen=True)
class SavedModel:
    """A model of one's own, in a folder or on a Hub.

    Args:
        place: Where it is.
        manifest: The digests of its files.
        config: What it says of itself.
    """

    place: Place
    manifest: Manifest
    config: Config

    @property
    def name(self) -> str:
        """What it is found by: `local-dir:…` or `hf-hub:…`."""
        return self.place.name

    def file(self, name: str) -> WeightsFile:
        """Return one of its files, all of which are under its licence."""
        return replace(self.place.file(name, self.manifest), license=self.config.license)

    @property
    def weights_file(self) -> WeightsFile:
        """The file with the weights."""
        return self.file(WEIGHTS_NAME)

    @property
    def config_file(self) -> WeightsFile:
        """The file that says how the network is built."""
        return self.file(CONFIG_NAME)

    @property
    def files(self) -> tuple[WeightsFile, ...]:
        """All that it needs: the weights, and that file."""
        return self.weights_file, self.config_file

    @property
    def info(self) -> Mapping[str, Any]:
        """What it says of how its network is built."""
        entry = self.entry
        return {
            "architecture": self.config.architecture,
            "arguments": dict(self.config.arguments),
            "task": entry.task,
            "builder": f"{entry.module}.{entry.builder}",
        }

    @property
    def architecture(self) -> ModelEntry:
        """What the registry knows about the model whose builder makes the network.

        Raises:
            SavedModelError: No package that is installed has it.
        """
        try:
            return get_model_entry(_registered(self))
        except ValueError as error:
            raise SavedModelError(f"{self.name} was saved with an architecture that is not here: {error}") from None

    @property
    def entry(self) -> ModelEntry:
        """What the registry gives for it."""
        of_builder = self.architecture
        return ModelEntry(
            self.name, of_builder.module, of_builder.builder, type(self.weights).__name__, self.config.task,
            of_builder.family, "",
        )  # fmt: skip

    @cached_property
    def enum(self) -> type[SavedWeights]:
        """Its weights, as an enum with one member, `DEFAULT`."""
        return weights_enum(self)

    @property
    def weights(self) -> SavedWeights:
        """Its one weights entry."""
        return self.enum["DEFAULT"]

    @property
    def builder(self) -> "Callable[..., nn.Module]":
        """What builds it, as the builder of its architecture, with its own arguments and, by default, its weights."""
        get_model_builder(self.architecture.name)  # which says what is not here
        from ._build import build  # imports torch

        return partial(build, self)


def find_saved(name: str) -> SavedModel | None:
    """Return the saved model of that name; `None` for a text that is no such name.

    Args:
        name: `"local-dir:folder"`, a path with a separator, or `"hf-hub:organisation/name@revision"`.

    Raises:
        ValueError: It begins as such a name does, and goes on otherwise.
        SavedModelError: There is no model, or not one that this zoo can use.
        WeightsUnavailableError: The Hub gave no file, and none is here.
        WrongBytesError: A file is not the one that the manifest states.
    """
    parsed = parse_name(name)
    if parsed is None:
        return None
    place = place_of(parsed)
    manifest = place.manifest()
    return SavedModel(place, manifest, Config.parse(read_config(place, manifest), f"{place.name}/{CONFIG_NAME}"))


def _registered(model: SavedModel) -> str:
    """Return the name of the architecture, which must be a registered one: no saved model stands on another."""
    architecture = model.config.architecture
    if is_saved_name(architecture):
        raise ValueError(f"expected the name of a registered model, found {architecture!r}")
    return architecture
