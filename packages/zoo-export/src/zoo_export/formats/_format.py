"""What a format has to say."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from zoo_core.names import Later, closest, load_reference
from zoo_export._facts import ExportError, Facts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch.export import ExportedProgram
else:
    np = Later("numpy")
    NDArray = dict
    ExportedProgram = object


class Runtime(ABC):
    """A file that runs.

    Args:
        facts: What the file says of itself.
    """

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    @abstractmethod
    def run(self, inputs: "Sequence[NDArray[np.generic]]") -> "list[NDArray[np.generic]]":
        """Return the outputs, in order, for the inputs, in order."""


class Format(ABC):
    """A kind of file.

    Args of `write`: a program that `torch.export` has recorded, and what is known of it.
    """

    name: ClassVar[str]
    suffix: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    """Modules that have to be installed."""
    extra: ClassVar[str] = ""
    """The extra of zoo-export that installs them."""
    text: ClassVar[str] = ""

    @abstractmethod
    def write(self, program: "ExportedProgram", facts: Facts, path: Path) -> None:
        """Write the file.

        Raises:
            ExportError: The format has no form for something in the program.
        """

    @abstractmethod
    def facts(self, path: Path) -> Facts:
        """Read what a file says of itself, without running it."""

    @abstractmethod
    def load(self, path: Path, *, threads: int | None = None) -> Runtime:
        """Load a file into its runtime.

        Args:
            path: The file.
            threads: How many it may use; by default as many as PyTorch.
        """

    def files(self, path: Path) -> list[Path]:
        """Return all files that belong to the one at `path`."""
        return [path]

    @property
    def missing(self) -> list[str]:
        """The modules that it needs and that are not installed here."""
        return [module for module in self.needs if find_spec(module) is None]

    def require(self, *modules: str) -> None:
        """Raise an error if something is not installed.

        Args:
            *modules: Some of what it needs; all of it, if none is given.

        Raises:
            ExportError: The text says what to install.
        """
        missing = [module for module in self.missing if not modules or module in modules]
        if missing:
            raise ExportError(f"{self.name} needs {', '.join(missing)}: pip install 'zoo-export[{self.extra}]'.")

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the modules that it needs."""
        from importlib.metadata import version

        return {module: version(module.replace("_", "-")) for module in self.needs}


_HERE = "zoo_export.formats"
FORMATS: Mapping[str, str] = {
    "pt2": f"{_HERE}.pt2:TorchProgram",
    "onnx": f"{_HERE}.onnx:Onnx",
    "openvino": f"{_HERE}.openvino:OpenVino",
}
"""The formats by name, as references."""


def get_format(name: str) -> Format:
    """Return a format.

    Raises:
        ValueError: There is none of that name.
    """
    if name not in FORMATS:
        raise ValueError(f"There is no format {name!r}; there are {', '.join(FORMATS)}.{closest(name, FORMATS)}")
    found: Format = load_reference(FORMATS[name])()
    return found


def format_of(path: Path) -> Format:
    """Return the format of a file, by its suffix.

    Raises:
        ValueError: None has that suffix.
    """
    formats = [get_format(name) for name in FORMATS]
    for each in formats:
        if path.suffix == each.suffix:
            return each
    known = ", ".join(each.suffix for each in formats)
    raise ValueError(f"{path} has the suffix of no format that models are exported to: expected one of {known}.")
