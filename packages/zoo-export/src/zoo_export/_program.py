"""What is exported: a network with what comes before and after it, as one module of named tensors."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar

import torch
from torch import Tensor, nn
from torch.export import Dim

from zoo_core import WeightsEnum
from zoo_core.names import Later

from ._facts import ExportError, Facts, TensorFact
from ._precision import TOLERANCES

if TYPE_CHECKING:
    from . import _exported
else:
    _exported = Later("zoo_export._exported")

P = TypeVar("P", bound=nn.Module)

Tensors: TypeAlias = Mapping[str, Tensor]
"""Inputs or outputs by name."""


class Program(nn.Module, ABC):
    """A network as it is exported. A task names its class as `Task.export`.

    Called with its inputs in order, it returns its outputs in order, as a tuple of tensors.

    Args:
        model: The network, in evaluation mode.
        weights: Of the network: its preprocessing and its classes.
        raw: Whether the network alone is exported: its own inputs and outputs.
        options: What else it is told, by name, of what makes a difference: a file's predictor is told the same.
    """

    dynamic: ClassVar[tuple[str, ...]]
    """The axes that may be of any length, unless they are fixed."""
    dynamic_raw: ClassVar[tuple[str, ...] | None] = None
    """The same of the network alone, where its inputs have one size."""
    raw_options: ClassVar[frozenset[str] | None] = None
    """The options that make a difference to the network alone; all, if there is nothing here."""
    least_torch: ClassVar[tuple[int, int]] = (2, 6)
    """The first version of PyTorch that records it."""
    tolerance: ClassVar[float] = 1e-3
    """The largest difference that is allowed, as `compare` gives it."""

    def __init__(self, model: nn.Module, weights: WeightsEnum, *, raw: bool = False, **options: Any) -> None:
        super().__init__()
        self.model = model
        self.weights = weights
        self.raw = raw
        self.options = options

    @property
    @abstractmethod
    def inputs(self) -> tuple[TensorFact, ...]:
        """The inputs, in order."""

    @property
    @abstractmethod
    def outputs(self) -> tuple[TensorFact, ...]:
        """The outputs, in order."""

    @property
    def meta(self) -> Mapping[str, Any]:
        """What the task's predictor asks of a weights entry, as it is of files of this program; as JSON takes it."""
        return {}

    @abstractmethod
    def from_pictures(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Return inputs that show pictures.

        Args:
            pictures: uint8 `(batch, height, width, 3)`, RGB. What takes a single picture takes the first.
        """

    def example(self, *, batch: int = 2, height: int = 96, width: int = 128) -> tuple[Tensor, ...]:
        """Return inputs of a size, of random numbers."""
        random = torch.Generator().manual_seed(0)
        pictures = torch.randint(0, 256, (batch, height, width, 3), dtype=torch.uint8, generator=random)
        return self.from_pictures(pictures)

    @abstractmethod
    def reference(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return what the model gives for the same inputs by zoo's own way, without anything that is for export."""

    def compare(
        self, found: Sequence[Tensor], expected: Sequence[Tensor], tolerance: float | None = None
    ) -> tuple[float, bool]:
        """Compare outputs with those expected.

        Args:
            found: The outputs, in order.
            expected: Those of the model.
            tolerance: How much may differ where that decides what is the same; by default the program's own.

        Returns:
            The largest absolute difference, and whether they mean the same: by default, the same place of the greatest
            value along the last axis, but for values that differ by less than that.
        """
        worst, same = 0.0, True
        for one, other in zip(found, expected, strict=True):
            if one.shape != other.shape:
                return float("inf"), False
            difference = (one.double() - other.double()).abs().max().item() if one.numel() else 0.0
            best = other.gather(-1, one.argmax(-1, keepdim=True))
            same &= bool((other.amax(-1, keepdim=True) - best <= 2 * difference).all())
            worst = max(worst, difference)
        return worst, same

    def allowed(self, tolerance: float | None) -> float:
        """Return a tolerance, or the program's own if there is none."""
        return self.tolerance if tolerance is None else tolerance

    def dynamic_shapes(self, fixed: Sequence[str] = ()) -> tuple[dict[int, Any], ...]:
        """Return the axes that are of any length as `torch.export` takes them.

        Args:
            fixed: Names of axes that keep the example's length.
        """
        return tuple(
            {place: Dim.DYNAMIC for place, axis in enumerate(fact.axes) if isinstance(axis, str) and axis not in fixed}
            for fact in self.inputs
        )

    @classmethod
    def require(cls) -> None:
        """Raise an error if this PyTorch cannot record such a program.

        Raises:
            ExportError: The text says which version can.
        """
        if tuple(map(int, torch.__version__.split(".")[:2])) < cls.least_torch:
            raise ExportError(
                f"Exporting such models needs PyTorch {'.'.join(map(str, cls.least_torch))} or newer, found "
                f"{torch.__version__}: install a newer one."
            )

    @classmethod
    def check_precision(cls, model: str, precision: str) -> None:
        """Check that the network can compute in a precision.

        Args:
            model: What messages call it.
            precision: A name of one.

        Raises:
            ValueError: There is no such precision, or the model has its own.
        """
        if precision not in TOLERANCES:
            raise ValueError(f"{model} can be exported in {', '.join(TOLERANCES)}, found {precision!r}.")

    @classmethod
    def axes(cls, *, raw: bool) -> tuple[str, ...]:
        """Return the axes that may be of any length, unless they are fixed: of the network alone, if `raw`."""
        return cls.dynamic if not raw or cls.dynamic_raw is None else cls.dynamic_raw

    @classmethod
    def check_options(cls, model: str, options: Collection[str], *, raw: bool = False) -> None:
        """Check that it can be told options of these names.

        Args:
            model: What messages call it.
            options: Their names.
            raw: Whether the network alone is exported.

        Raises:
            ValueError: It cannot.
        """
        parameters = inspect.signature(cls.__init__).parameters.values()
        known = {each.name for each in parameters if each.kind is each.KEYWORD_ONLY} - {"raw"}
        unknown = sorted(set(options) - known)
        if unknown:
            takes = f"has the options {', '.join(sorted(known))}" if known else "has no options"
            raise ValueError(f"{model} {takes} when it is exported, found {', '.join(unknown)}.")
        useless = [] if not raw or cls.raw_options is None else sorted(set(options) - cls.raw_options)
        if useless:
            raise ValueError(
                f"{', '.join(useless)} would do nothing: the network of {model} alone is exported, without results."
            )

    @classmethod
    def pictures(cls, facts: Facts) -> nn.Module:
        """Return the preprocessing that the task's predictor does before a file that has its own inside.

        Args:
            facts: Of the file.

        Raises:
            ExportError: The task's predictor cannot run files.
        """
        raise _not_by_predictors(cls)

    @classmethod
    def stand_in(cls, exported: "_exported.Exported") -> nn.Module:
        """Return a network for the task's predictor that runs an exported file.

        Raises:
            ExportError: The task's predictor cannot run files.
        """
        raise _not_by_predictors(cls)

    def named(self, outputs: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return outputs by name."""
        return dict(zip((fact.name for fact in self.outputs), outputs, strict=True))


def _not_by_predictors(kind: type[Program]) -> ExportError:
    return ExportError(f"{kind.__name__} cannot be run by the task's predictor: load_exported(path) runs it.")


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Keep a network in evaluation mode; then each of its modules is in the mode again that it was in.

    Example:
        >>> from torch import nn
        >>> from zoo_export._program import evaluating
        >>> network = nn.Sequential(nn.Dropout(), nn.Dropout().eval())
        >>> with evaluating(network):
        ...     [module.training for module in network]
        [False, False]
        >>> [module.training for module in network]
        [True, False]
    """
    before = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in before.items():
            module.training = training


def pixels_of(images: Tensor) -> Tensor:
    """Return pictures uint8 `(N, H, W, 3)` as `(N, 3, H, W)`, floating point, in [0, 255]."""
    return images.permute(0, 3, 1, 2).to(torch.float32)


def preset_of(weights: WeightsEnum, kind: type[P]) -> P:
    """Return the preprocessing of weights, which has to be of the kind that can be exported.

    Raises:
        ExportError: It is another.
    """
    preset = weights.transforms()
    if not isinstance(preset, kind):
        raise ExportError(
            f"{weights} prepares inputs by {type(preset).__name__}, and only {kind.__name__} can be exported with the "
            "network."
        )
    return preset
