"""What is evaluated: a registered model by its name, any module, or a predictor."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from zoo_core import WeightsEnum, get_task, get_weight
from zoo_core.names import Later
from zoo_core.prediction import PredictionJob, Predictor, options_with
from zoo_core.tasks import Task

if TYPE_CHECKING:
    from torch import nn
else:
    nn = Later("torch.nn")


class Subject(ABC):
    """What is evaluated, and how it is called in rows and records."""

    name: str
    task: Task
    entry: WeightsEnum | None

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the classes; none if they are not known."""
        return () if self.entry is None else tuple(self.entry.meta.get("categories", ()))

    @property
    def published(self) -> Mapping[str, Mapping[str, float]]:
        """What the weights entry states of each data set."""
        found: Mapping[str, Mapping[str, float]] = {} if self.entry is None else self.entry.meta.get("_metrics", {})
        return found

    @property
    @abstractmethod
    def digest(self) -> tuple[str | None, str | None]:
        """The file of the weights and its SHA-256; or `None` and the SHA-256 of the parameters."""

    @abstractmethod
    def made_by(self, options: Mapping[str, Any], batch_size: int) -> str:
        """Return what decides the predictions, beside the inputs."""

    @abstractmethod
    def load_predictor(self, options: Mapping[str, Any], batch_size: int) -> Predictor[Any, Any]:
        """Return a predictor with these options, ready to predict.

        Raises:
            ValueError: It has other options.
        """

    def description(self) -> dict[str, Any]:
        """Return what is needed to compute numbers again, as JSON takes it."""
        return {
            "model": self.name,
            "task": self.task.name,
            "weights": None if self.entry is None else str(self.entry),
            "categories": list(self.categories) if self.entry is None or _is_saved(self.entry) else None,
        }


@dataclass(frozen=True)
class NamedModel(Subject):
    """A registered model."""

    job: PredictionJob

    @property
    def name(self) -> str:  # type: ignore[override] # read only
        """The registered name; that of a saved model is the same however its path was written."""
        return str(self.entry) if _is_saved(self.entry) else self.job.model

    @cached_property
    def task(self) -> Task:  # type: ignore[override]
        """The model's."""
        return self.job.task

    @cached_property
    def entry(self) -> WeightsEnum:  # type: ignore[override]
        """The chosen one of the model's."""
        return self.job.entry

    @property
    def digest(self) -> tuple[str | None, str | None]:
        """The published file, and as much of its SHA-256 as is known."""
        file = self.entry.file
        return file.name, None if file.digest is None else str(file.digest)

    def made_by(self, options: Mapping[str, Any], batch_size: int) -> str:
        """Return model, file and options."""
        return self._told(options, batch_size).made_by

    def load_predictor(self, options: Mapping[str, Any], batch_size: int) -> Predictor[Any, Any]:
        """Build the model with its weights."""
        return self._told(options, batch_size).load_predictor()

    def _told(self, options: Mapping[str, Any], batch_size: int) -> PredictionJob:
        return replace(self.job, options=options, batch_size=batch_size, weights=self.entry)


@dataclass(frozen=True, eq=False)
class GivenModule(Subject):
    """A network in memory, with a weights entry that says how its inputs are made and what its classes are called."""

    module: "nn.Module"
    entry: WeightsEnum
    task: Task
    device: str
    optimized: bool

    @property
    def name(self) -> str:  # type: ignore[override]
        """The network's class."""
        return type(self.module).__name__

    @property
    def digest(self) -> tuple[str | None, str | None]:
        """The SHA-256 of the parameters and buffers."""
        return None, self._parameters

    def made_by(self, options: Mapping[str, Any], batch_size: int) -> str:
        """Return class, parameters and options."""
        return _told(f"{self.name} {self._parameters}", options)

    def load_predictor(self, options: Mapping[str, Any], batch_size: int) -> Predictor[Any, Any]:
        """Put the predictor of the task around the network."""
        task, module = self.task, self.module
        _ = self._parameters  # before anything is run
        if self.optimized and task.optimizable:
            from zoo_core.inference import optimize

            module = module.to(self.device)
            module = optimize(module, task.example_inputs(module, self.entry, batch_size))
        told = options_with(self.entry, options)
        return task.predictor_class()(module, self.entry, device=self.device, **told)  # type: ignore[call-arg] # as Predictor says

    @cached_property
    def _parameters(self) -> str:
        return parameters_digest(self.module)


@dataclass(frozen=True, eq=False)
class GivenPredictor(Subject):
    """A predictor of anybody's."""

    predictor: Predictor[Any, Any]
    task: Task
    entry: WeightsEnum | None

    @property
    def name(self) -> str:  # type: ignore[override]
        """The class of its network, if it says which that is, else its own."""
        return type(getattr(self.predictor, "model", self.predictor)).__name__

    @property
    def categories(self) -> tuple[str, ...]:
        """The predictor's own, if it has any."""
        return tuple(getattr(self.predictor, "categories", super().categories))

    @property
    def digest(self) -> tuple[str | None, str | None]:
        """The SHA-256 of the parameters of its network, if it says which that is."""
        return None, self._parameters

    def made_by(self, options: Mapping[str, Any], batch_size: int) -> str:
        """Return class, parameters and options."""
        return _told(f"{type(self.predictor).__name__} of {self.name} {self._parameters or ''}".strip(), options)

    def load_predictor(self, options: Mapping[str, Any], batch_size: int) -> Predictor[Any, Any]:
        """Return it, if it has the options."""
        for name, value in options.items():
            found = getattr(self.predictor, name, value)
            if found != value:
                raise ValueError(
                    f"This evaluation needs a predictor with {name}={value!r}, and {type(self.predictor).__name__} has "
                    f"{found!r}: construct it so."
                )
        return self.predictor

    @cached_property
    def _parameters(self) -> str | None:
        model = getattr(self.predictor, "model", None)
        return None if model is None or not hasattr(model, "state_dict") else parameters_digest(model)


@dataclass(frozen=True)
class Recorded(Subject):
    """Something that has predicted before; only its numbers can be computed again."""

    name: str
    task: Task
    entry: WeightsEnum | None
    told: str
    given: tuple[str, ...] | None
    file: tuple[str | None, str | None] = field(default=(None, None))

    @property
    def categories(self) -> tuple[str, ...]:
        """As they were."""
        return super().categories if self.given is None else self.given

    @property
    def digest(self) -> tuple[str | None, str | None]:
        """As it was."""
        return self.file

    def made_by(self, options: Mapping[str, Any], batch_size: int) -> str:
        """Return what was told then."""
        return self.told

    def load_predictor(self, options: Mapping[str, Any], batch_size: int) -> Predictor[Any, Any]:
        """Raise an error."""
        raise ValueError(f"{self.name} is not here, only what it has predicted: numbers alone can be computed again.")


def recorded(facts: Mapping[str, Any]) -> Recorded:
    """Return what `Subject.description` was of, with the rest of a run's description.

    Raises:
        ValueError: The weights entry or the task are not known here.
    """
    entry = _recorded_entry(facts["weights"], facts["sha256"])
    given = None if facts["categories"] is None else tuple(facts["categories"])
    return Recorded(
        facts["model"], get_task(facts["task"]), entry, facts["made_by"], given, (facts["file"], facts["sha256"])
    )


def _is_saved(entry: WeightsEnum) -> bool:
    """Tell whether weights are a saved model's, which may be gone or changed later."""
    return hasattr(entry, "saved")


def _recorded_entry(name: str | None, sha256: str | None) -> WeightsEnum | None:
    """Return the weights of that name; `None` for those of a model of one's own that is gone, or another by now."""
    if name is None:
        return None
    try:
        entry = get_weight(name)
    except (OSError, RuntimeError):  # such a model's alone
        return None
    except ValueError:
        if ":" not in name:  # which the names of saved models have
            raise
        return None
    if not _is_saved(entry):
        return entry
    return entry if entry.file.digest is not None and str(entry.file.digest) == sha256 else None


def parameters_digest(module: "nn.Module") -> str:
    """Return the SHA-256 of a network's parameters and buffers, with their names.

    Example:
        >>> import torch
        >>> from zoo_evaluation import parameters_digest
        >>> parameters_digest(torch.nn.ReLU())[:8]
        'e3b0c442'
    """
    found = hashlib.sha256()
    for name, value in module.state_dict().items():
        found.update(name.encode())
        for part in _bytes_of(value):
            found.update(part)
    return found.hexdigest()


def _bytes_of(value: Any) -> Iterator[bytes]:  # int8 models have tuples and types in their state, too
    import torch

    if isinstance(value, (tuple, list)):
        for each in value:
            yield from _bytes_of(each)
    elif isinstance(value, torch.Tensor):
        plain = (value.dequantize() if value.is_quantized else value).detach().cpu().contiguous()
        yield f"{value.dtype}{tuple(value.shape)}".encode()
        yield plain.reshape(-1).view(torch.uint8).numpy().tobytes()
    else:
        yield repr(value).encode()


def _told(what: str, options: Mapping[str, Any]) -> str:
    return ", ".join([what, *(f"{name}={value}" for name, value in sorted(options.items()))])
