"""An exported file as a model of zoo: `get_model`, `zoo predict` and `zoo evaluate` find it by its path.

What the registry asks of such a model is torch-free: the file's facts are read without its runtime.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from zoo_core import Weights, get_model_entry, get_task, get_weight
from zoo_core.errors import SavedModelError
from zoo_core.files import Digest, WeightsFile, sha256_of
from zoo_core.names import Later, load_reference
from zoo_core.saved import OwnWeights, stated_preset

from ._facts import ExportError, Facts
from .certificate import certificate_path
from .formats import format_of

if TYPE_CHECKING:
    from torch import nn

    from ._program import Program
else:
    nn, Program = Later("torch.nn"), object


class FileWeights(OwnWeights):
    """The weights in an exported file: the one entry of that file, `DEFAULT`."""

    @property
    def saved(self) -> "ModelFile":
        """The file."""
        return super().saved  # type: ignore[return-value] # as `ModelFile.enum` makes them

    @property
    def copied_files(self) -> tuple[Path, ...]:
        """The file, and what is beside it: weights, and its certificate."""
        path = Path(self.saved.name)
        files = (*format_of(path).files(path), certificate_path(path))
        return tuple(file for file in files if file.exists())

    @property
    def fixed_options(self) -> Mapping[str, Any]:
        """Options of the task's predictor that are inside the file."""
        facts = self.saved.facts
        known = {option.name for option in get_task(facts.task).options}
        return {name: value for name, value in facts.options.items() if name in known}


@dataclass(frozen=True)
class ModelFile:
    """An exported file, as the registry gives it for its path.

    Args:
        name: The path as it was given.
        facts: What the file says of itself.
    """

    name: str
    facts: Facts

    @classmethod
    def of(cls, name: str) -> Self:
        """Read what a file says of itself.

        Raises:
            FileNotFoundError: There is none.
            ExportError: It was not exported by zoo.
        """
        path = Path(name)
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist: expected a file that `zoo export` has written.")
        return cls(name, format_of(path).facts(path))

    @cached_property
    def weights_file(self) -> WeightsFile:
        """The file, under its digest."""
        path = Path(self.name).absolute()
        return WeightsFile(
            self.name,
            path.name,
            f"local-dir:{quote(path.as_posix())}",
            Digest(sha256_of(path), stated_by="the file itself"),
            path.stat().st_size,
            twin=None,
            license=self.facts.license,
        )

    @property
    def info(self) -> Mapping[str, Any]:
        """What the file says of itself."""
        facts = self.facts
        tensors = {
            name: [f"{fact.name}: {fact.dtype} ({', '.join(map(str, fact.axes))})" for fact in told]
            for name, told in (("inputs", facts.inputs), ("outputs", facts.outputs))
        }
        return {
            "format": facts.format,
            "made_of": facts.model if facts.weights is None else facts.weights,
            "architecture": facts.architecture,
            "task": facts.task,
            "raw": facts.raw,
            "precision": facts.precision,
            **tensors,
            "options": dict(facts.options),
            "transforms": dict(facts.preprocessing),
            "files": [str(file) for file in self.weights.copied_files],
            "versions": dict(facts.versions),
            "created": facts.created,
        }

    @property
    def entry(self) -> Any:  # as `zoo_core.get_model_entry` gives it
        """What the registry gives for it."""
        return self._architecture._replace(
            name=self.name, weights=type(self.weights).__name__, task=self.facts.task, path=""
        )

    @property
    def _architecture(self) -> Any:  # as `zoo_core.get_model_entry` gives it
        """What the registry knows of the network that was exported.

        Raises:
            ExportError: The file names something else than a registered model, a file for instance.
            ValueError: No package that is installed has it.
        """
        name = self.facts.architecture
        if not name.isidentifier():
            raise ExportError(f"{self.name} names the architecture {name!r:.80}: expected the name of a builder.")
        return get_model_entry(name)

    @cached_property
    def enum(self) -> type[FileWeights]:
        """Its weights, as an enum with one member, `DEFAULT`."""
        meta = {**self._known_meta(), **self.facts.meta, "license": self.facts.license}
        if self.facts.categories is not None:
            meta["categories"] = list(self.facts.categories)
        return FileWeights.for_model(self, Weights(self.weights_file.url, self._preset(), meta))

    @property
    def weights(self) -> FileWeights:
        """Its one weights entry."""
        return self.enum["DEFAULT"]

    def builder(self, *, weights: Any = "DEFAULT", **_arguments: object) -> "nn.Module":
        """Return a network that runs the file in its runtime.

        Raises:
            ExportError: The runtime is not installed, or the task's predictor cannot run files.
        """
        from ._exported import load_exported

        if self.enum.verify(weights) is None:
            raise ExportError(f"{self.name} comes with its weights: weights=None is not possible.")
        return self._program().stand_in(load_exported(self.name)).eval()

    def _program(self) -> "type[Program]":
        reference = get_task(self.facts.task).export
        if reference is None:
            raise ExportError(f"{self.name} is for {self.facts.task}, for which no program is known here.")
        return load_reference(reference)  # type: ignore[no-any-return]

    def _known_meta(self) -> dict[str, Any]:
        """Return what is known here of the weights that were exported: their published numbers, for instance."""
        try:
            return {} if self.facts.weights is None else get_weight(self.facts.weights).meta
        except (ValueError, KeyError, OSError, RuntimeError):  # they are not here
            return {}

    def _preset(self) -> "Callable[..., nn.Module]":
        if self.facts.raw:
            try:
                return stated_preset(self._architecture, self.facts.preprocessing, self.name)
            except SavedModelError as error:
                raise ExportError(str(error)) from None
        return _Pictures(self)


@dataclass(frozen=True)
class _Pictures:
    """Gives the preprocessing before a file that has its own inside."""

    model_file: ModelFile

    def __call__(self) -> "nn.Module":
        return self.model_file._program().pictures(self.model_file.facts)
