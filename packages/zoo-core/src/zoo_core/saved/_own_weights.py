"""The weights of a model that is no registered one: an enum with one member, which is called as the model is."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from zoo_core._registry import get_weight
from zoo_core._weights import Weights, WeightsEnum
from zoo_core.files import WeightsFile


class OwnModel(Protocol):
    """What such weights ask of their model."""

    @property
    def name(self) -> str:
        """What it is found by."""

    @property
    def weights_file(self) -> WeightsFile:
        """The file with the weights."""

    @property
    def info(self) -> Mapping[str, Any]:
        """What `zoo info` tells of it, besides what there is to tell of all weights, or in place of that."""


class OwnWeights(WeightsEnum):
    """The weights of a model of one's own: the one entry, `DEFAULT`, of an enum that is that model's alone.

    The base for packages that find models in files (entry points `zoo.model_files`), and of `SavedWeights`.

    Example:
        >>> from zoo_core import get_model_weights
        >>> from zoo_core.saved import OwnWeights
        >>> isinstance(get_model_weights("local-dir:runs/digits").DEFAULT, OwnWeights)
        True
    """

    @classmethod
    def for_model(cls, model: OwnModel, weights: Weights) -> type[Self]:
        """Return an enum whose only member, `DEFAULT`, is a model's weights."""
        enum: Any = cls(cls.__name__, {"DEFAULT": weights})  # type: ignore[call-arg] # mypy: enums are not called
        enum._models = (model,)
        return enum  # type: ignore[no-any-return]

    @classmethod
    def verify(cls, obj: WeightsEnum | str | None) -> Self | None:
        """Return the member that `obj` stands for; the weights of the same model that were found before are, too."""
        name = cls["DEFAULT"].saved.name
        if isinstance(obj, OwnWeights) and obj.saved.name == name:
            return obj  # type: ignore[return-value]
        return cls["DEFAULT"] if obj == name else super().verify(obj)

    @property
    def saved(self) -> OwnModel:
        """The model that they are of."""
        return type(self)._models[0]  # type: ignore[attr-defined,no-any-return] # set by `for_model`

    @property
    def file(self) -> WeightsFile:
        """The file with the tensors."""
        return self.saved.weights_file

    @property
    def size(self) -> int | None:
        """Its size in bytes."""
        return self.file.size

    @property
    def copied_files(self) -> tuple[Path, ...]:
        """All files that are copied together where a model is files of their own; none of a folder or repository."""
        return ()

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        """Pickle by name."""
        return get_weight, (self.saved.name,)

    def __repr__(self) -> str:
        return self.saved.name


def refuse_model_files(entries: Iterable[WeightsEnum], reason: str) -> None:
    """Refuse models that are files of their own, as exported ones are, where weights are meant.

    Args:
        entries: Weights entries of any models.
        reason: Why, and what to do: `"a bundle carries weights; copy these files as they are"`.

    Raises:
        ValueError: One of them is such a file; the text names all that belong to it.

    Example:
        >>> from zoo_core import get_weight
        >>> from zoo_core.saved import refuse_model_files
        >>> refuse_model_files([get_weight("ResNet18_Weights.DEFAULT")], "copy these files as they are")
    """
    for entry in entries:
        if isinstance(entry, OwnWeights) and entry.copied_files:
            files = ", ".join(map(str, entry.copied_files))
            raise ValueError(f"{entry} is a model in files of its own ({files}): {reason}.")
