"""An exported model, in its own runtime."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._facts import ExportError, Facts
from .formats import Runtime, format_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
else:
    NDArray = dict


class Exported:
    """An exported model.

    Args:
        path: Its file.
        runtime: The file, loaded.

    Example:
        >>> import numpy
        >>> from zoo_export import load_exported
        >>> digits = load_exported("digits.pt2")
        >>> digits(numpy.zeros((2, 40, 60, 3), dtype=numpy.uint8))["probabilities"].shape
        (2, 10)
    """

    def __init__(self, path: Path, runtime: Runtime) -> None:
        self.path = path
        self._runtime = runtime

    @property
    def facts(self) -> Facts:
        """What the file says of itself."""
        return self._runtime.facts

    def __call__(self, *inputs: "NDArray[Any]") -> "dict[str, NDArray[Any]]":
        """Run the model.

        Args:
            *inputs: As `facts.inputs` says: uint8 pictures `(batch, height, width, 3)`, for instance.

        Returns:
            The outputs by name.

        Raises:
            ExportError: The inputs are of another number, type or form, or the runtime cannot run the file with them.
        """
        import numpy as np

        _check(self.facts, inputs)
        try:
            outputs = self._runtime.run([np.ascontiguousarray(value) for value in inputs])
        except MemoryError:
            raise
        except Exception as error:  # each runtime has errors of its own
            given = ", ".join(
                f"{fact.name} ({', '.join(map(str, value.shape))})"
                for fact, value in zip(self.facts.inputs, inputs, strict=True)
            )
            raise ExportError(
                f"{self.path}, {self.facts.model} in {self.facts.format}, cannot be run with {given}: "
                f"{str(error) or type(error).__name__}"
            ) from error
        return {fact.name: output for fact, output in zip(self.facts.outputs, outputs, strict=True)}

    def __repr__(self) -> str:
        return f"Exported({str(self.path)!r}, {self.facts.model}, {self.facts.format})"


def load_exported(path: Path | str, *, threads: int | None = None) -> Exported:
    """Load an exported model into its runtime.

    Args:
        path: The file that `export` has written.
        threads: How many the runtime may use; by default as many as PyTorch.

    Raises:
        ExportError: It cannot be read, or was not exported by zoo, or its runtime is not installed.
        FileNotFoundError: There is none.

    Example:
        >>> from zoo_export import load_exported
        >>> load_exported("digits.pt2").facts.categories[0]
        'zero'
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: expected a file that `zoo export` has written.")
    return Exported(path, format_of(path).load(path, threads=threads))


def _check(facts: Facts, inputs: "Sequence[NDArray[Any]]") -> None:
    if len(inputs) != len(facts.inputs):
        names = ", ".join(fact.name for fact in facts.inputs)
        raise ExportError(f"{facts.model} takes {len(facts.inputs)} inputs ({names}), found {len(inputs)}.")
    for fact, value in zip(facts.inputs, inputs, strict=True):
        fits = value.ndim == len(fact.axes) and all(
            isinstance(axis, str) or axis == length for axis, length in zip(fact.axes, value.shape, strict=True)
        )
        if not fits or value.dtype != fact.dtype:
            axes = ", ".join(map(str, fact.axes))
            found = ", ".join(map(str, value.shape))
            raise ExportError(f"{fact.name} should be {fact.dtype} ({axes}), found {value.dtype} ({found}).")
    seen: dict[str, tuple[str, int]] = {}
    for fact, value in zip(facts.inputs, inputs, strict=True):
        for axis, length in zip(fact.axes, value.shape, strict=True):
            if not isinstance(axis, str):
                continue
            other, before = seen.setdefault(axis, (fact.name, length))
            if length != before:
                raise ExportError(
                    f"{facts.model} takes inputs of one {axis}: {other} has {before}, and {fact.name} has {length}."
                )
