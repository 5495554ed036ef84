"""Weights entries: what torchvision calls the multi-weight API. No torch in here: it is imported by what is called."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from enum import property as enum_property
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from . import _catalogue, _terms
from .names import Later, closest, load_reference

if TYPE_CHECKING:
    import torch
    from torch import nn

    from . import files
else:
    torch, nn, files = Later("torch"), Later("torch.nn"), Later("zoo_core.files")

_PRESETS = "zoo_core.transforms"


@dataclass(frozen=True)
class Preset:
    """The constructor of a preset with its arguments: a `functools.partial` that imports torch only when called.

    Args:
        target: `"module:Class"`; a bare class name is looked up in `zoo_core.transforms`.
        keywords: The arguments that the weights were evaluated with.

    Example:
        >>> from zoo_core import Preset
        >>> Preset("ImageClassification", {"crop_size": 224})(resize_size=240)
        ImageClassification(crop_size=[224], resize_size=[240], mean=[0.485, 0.456, 0.406], ...)
    """

    target: str
    keywords: Mapping[str, Any] = field(default_factory=dict)

    @property
    def func(self) -> "Callable[..., nn.Module]":
        """The preset's class."""
        return load_reference(self.target if ":" in self.target else f"{_PRESETS}:{self.target}")  # type: ignore[no-any-return]

    def __call__(self, **overrides: object) -> "nn.Module":
        """Build the preset; `overrides` replace single arguments."""
        return self.func(**{**self.keywords, **overrides})


@dataclass(frozen=True)
class Weights:
    """One set of published weights.

    Args:
        url: Where the file is published. `package:name/path` stands for a file inside the installed package `name`.
        transforms: Called without arguments, gives the preprocessing that the weights were evaluated with.
        meta: Facts about the weights: `categories`, `num_params`, `min_size`, `recipe`, `license` (by SPDX's
            identifier), `_metrics`, `_docs`, ….
    """

    url: str
    transforms: "Callable[..., nn.Module]"
    meta: dict[str, Any]


class WeightsEnum(Enum):
    """The base of the enums that name a model's weights.

    A member is either written as a `Weights(...)`, or as `auto()`: then its facts stand in the JSON file beside the
    module of the enum, of the same name. Members are torch-free: only `transforms()` and `get_state_dict()` import it.

    Example:
        >>> from zoo_classification import ResNet50_Weights
        >>> ResNet50_Weights.DEFAULT
        ResNet50_Weights.IMAGENET1K_V2
        >>> ResNet50_Weights.DEFAULT.url
        'https://download.pytorch.org/models/resnet50-11ad3fa6.pth'
    """

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[Any]) -> str:
        return name

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if isinstance(value, str):
            return cls.__members__.get(value)
        return next((member for member in cls if member.value == value), None) if isinstance(value, Weights) else None

    @classmethod
    def verify(cls, obj: "WeightsEnum | str | None") -> Self | None:
        """Return the member that `obj` stands for.

        Args:
            obj: A member, its name (`"IMAGENET1K_V1"`, `"DEFAULT"`, with or without the enum's name), or `None`.

        Raises:
            KeyError: No member has that name.
            TypeError: `obj` is neither, or a member of another enum.
        """
        if obj is None or isinstance(obj, cls):
            return obj
        if not isinstance(obj, str):
            found = obj.__name__ if isinstance(obj, type) else type(obj).__name__
            raise TypeError(f"Invalid Weight class provided; expected {cls.__name__} but received {found}.")
        name = obj.removeprefix(f"{cls.__name__}.")
        try:
            return cls[name]
        except KeyError:
            known = ", ".join(cls.__members__)
            raise UnknownMemberError(
                f"{cls.__name__} has no member {name!r}; it has {known}.{closest(name, cls.__members__, 1)}"
            ) from None

    @enum_property
    def value(self) -> Weights:
        """The entry as a `Weights`."""
        if isinstance(self._value_, Weights):
            return self._value_
        raw = self._facts
        arguments = dict(raw["transforms"])
        preset = Preset(arguments.pop("preset"), arguments)
        meta = _catalogue.read_meta(raw["meta"], os.path.dirname(self._path())) | self._terms
        return Weights(raw["url"], preset, meta)

    @property
    def url(self) -> str:
        """Where the file is published."""
        return self._value_.url if isinstance(self._value_, Weights) else str(self._facts["url"])

    @property
    def transforms(self) -> "Callable[..., nn.Module]":
        """Called without arguments, gives the preprocessing that the weights were evaluated with."""
        return self.value.transforms

    @property
    def meta(self) -> dict[str, Any]:
        """Facts about the weights; the dictionary is the caller's own."""
        return self.value.meta

    @property
    def figures(self) -> "Mapping[str, Any]":
        """The metadata without what it refers to, as the names of the categories: for looking at many entries."""
        return self._value_.meta if isinstance(self._value_, Weights) else MappingProxyType(self._facts["meta"])

    @property
    def size(self) -> int | None:
        """The published file's size in bytes, where known."""
        return None if isinstance(self._value_, Weights) else self._facts.get("bytes")

    @property
    def file(self) -> "files.WeightsFile":
        """The published file: its name, digest, size and licence, as far as they are known."""
        from .files import Digest, file_of_url

        figures, facts = self.figures, {} if isinstance(self._value_, Weights) else self._facts
        digest = Digest(facts["sha256"]) if "sha256" in facts else None
        details = _terms.license_details({**figures, **self._terms})
        file = file_of_url(str(self), self.url, digest, self.size, _largest_file(figures))
        return replace(file, license=figures.get("license") or "unknown", license_details=details)

    @property
    def files(self) -> "tuple[files.WeightsFile, ...]":
        """All files that the weights need, the one with the tensors first: of published ones, that alone."""
        return (self.file,)

    @property
    def made_of(self) -> str:
        """What tells these weights from others, in results for people: the published file's name.

        Of a file of one's own, which may be written anew, with its digest.
        """
        file = self.file
        return f"{file.name} ({file.digest})" if file.is_in_folder else file.name

    @property
    def fixed_options(self) -> "Mapping[str, Any]":
        """Options that the task's predictor cannot be given otherwise: of a file that has them inside."""
        return {}

    def get_state_dict(
        self,
        model_dir: "str | os.PathLike[str] | None" = None,
        map_location: Any = "cpu",  # as torch.load
        progress: bool = True,
        check_hash: bool = False,
    ) -> "Mapping[str, torch.Tensor]":
        """Fetch the file where it is not here yet, verify it, and read it.

        The arguments are those of `torch.hub.load_state_dict_from_url` behind the URL.

        Args:
            model_dir: Where a download is kept, and looked for after the other places; by default, torch.hub's folder.
            map_location: As for `torch.load`.
            progress: Show a progress bar on stderr while downloading.
            check_hash: A file is verified wherever a digest is known. `True`: refuse it where none is.

        Returns:
            What the file holds, names and values untouched.

        Raises:
            WeightsUnavailableError: No source had the file.
            CheckpointError: The file cannot be read as a checkpoint.
            ValueError: `check_hash` is set, and no digest is known.
        """
        from pathlib import Path

        from .checkpoints import read_state_dict
        from .files import Settings, resolve

        file, settings = self.file, Settings.from_environment()
        if model_dir is not None:
            settings = replace(settings, checkpoints=Path(model_dir).absolute())
        if check_hash and file.digest is None:
            raise ValueError(
                f"check_hash=True, but no SHA-256 is known for {self}: put its first digits into the file name, "
                f"as in 'name-0123abcd.pth' (found {file.name!r})."
            )
        with resolve(file, settings=settings, progress=progress).unchanged() as path:
            return read_state_dict(path, map_location=map_location)

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        """Pickle by name: a copy is the member itself, also where a metric is NaN."""
        return getattr, (type(self), self.name)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    def __str__(self) -> str:
        return repr(self)

    def _path(self) -> str:
        """Return the path of the data file: the one beside the module of the enum."""
        return os.path.splitext(str(sys.modules[type(self).__module__].__file__))[0] + ".json"

    @property
    def _terms(self) -> dict[str, Any]:
        """What is known of the publisher and of the data sets; a `Weights(...)` says that itself."""
        if isinstance(self._value_, Weights):
            return {}
        facts = self._facts
        return _terms.known_terms(facts["url"], facts["meta"]["dataset"], facts["datasets"])

    @cached_property
    def _facts(self) -> dict[str, Any]:
        """What the data file states; shared, so not to be given away."""
        return _catalogue.read_weights(self._path(), type(self).__name__, self.name)


def _largest_file(figures: "Mapping[str, Any]") -> int:
    """Return a number of bytes that a published file does not exceed, by what is said of its size or parameters.

    Sizes are in MiB and rounded, and a file may be published anew with other names in it: a quarter and 1 MiB are
    added. Parameters may be in double precision, with as many values beside them.
    """
    from .files.store._weights_file import LARGEST_FILE

    size, parameters = figures.get("_file_size"), figures.get("num_params")
    if isinstance(size, int | float) and 0 < size < LARGEST_FILE:
        likely = size * 2**20
    elif isinstance(parameters, int) and 0 < parameters < LARGEST_FILE:
        likely = float(parameters * 16)
    else:
        return LARGEST_FILE
    return int(likely * 1.25) + 2**20


class UnknownMemberError(KeyError):
    """A weights enum has no member of that name."""

    def __str__(self) -> str:
        return str(self.args[0])
