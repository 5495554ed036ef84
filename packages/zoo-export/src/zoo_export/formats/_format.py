"""What a format has to say."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

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

Calibration: TypeAlias = Iterable[Sequence[NDArray[Any]]]
"""Inputs like those that a file will be given, each in order: they can be gone through several times."""


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
    """A kind of file."""

    name: ClassVar[str]
    suffix: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    """Modules that have to be installed."""
    extra: ClassVar[str] = ""
    """The extra of zoo-export that installs them."""
    text: ClassVar[str] = ""
    any_length: ClassVar[bool] = True
    """Whether inputs may be of any size."""
    quantizer: ClassVar[str] = ""
    """How weights and activations become int8, for people; empty where they cannot."""
    quantizer_needs: ClassVar[tuple[str, ...]] = ()
    """Modules that have to be installed for that, too."""

    @abstractmethod
    def write(
        self, program: "ExportedProgram", facts: Facts, path: Path, *, calibration: "Calibration | None" = None
    ) -> None:
        """Write the file.

        Args:
            program: What `torch.export` has recorded.
            facts: What is known of it.
            path: The file.
            calibration: Inputs that show which ranges values have: the network is written as int8 then.

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

    def is_name(self, path: Path) -> bool:
        """Tell whether a file of this format may be called so."""
        return path.name.endswith(self.suffix) and path.name != self.suffix

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

    def require_writing(self, precision: str) -> None:
        """Raise an error if the format cannot be written here in a precision, before minutes are spent.

        Raises:
            ExportError: The text says what to install, or which formats can.
        """
        self.require()
        if precision != "int8":
            return
        if not self.quantizer:
            able = ", ".join(name for name in FORMATS if get_format(name).quantizer)
            raise ExportError(f"Models are quantized to int8 in {able}, found {self.name}.")
        missing = [module for module in self.quantizer_needs if find_spec(module) is None]
        if missing:
            raise ExportError(f"int8 in {self.name} needs {', '.join(missing)}: pip install 'zoo-export[int8]'.")

    def versions(self, precision: str = "float32") -> Mapping[str, str]:
        """Return the versions of the modules that writing needs."""
        modules = (*self.needs, *(self.quantizer_needs if precision == "int8" else ()))
        return {module: _version(module) for module in modules}


def _version(module: str) -> str:
    """Return a module's version, whatever the package is called that has it: there are several of ONNX Runtime."""
    from importlib.metadata import PackageNotFoundError, packages_distributions, version

    for name in (module.replace("_", "-"), *packages_distributions().get(module, ())):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return str(getattr(import_module(module), "__version__", "unknown"))


_HERE = "zoo_export.formats"
FORMATS: Mapping[str, str] = {
    "pt2": f"{_HERE}.pt2:TorchProgram",
    "aoti": f"{_HERE}.aoti:CompiledPackage",
    "onnx": f"{_HERE}.onnx:Onnx",
    "openvino": f"{_HERE}.openvino:OpenVino",
    "executorch": f"{_HERE}.executorch:ExecuTorch",
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
    """Return the format of a file, by its suffix: the longest that fits.

    Raises:
        ValueError: None has that suffix.
    """
    formats = [get_format(name) for name in FORMATS]
    fitting = [each for each in formats if each.is_name(path)]
    if fitting:
        return max(fitting, key=lambda each: len(each.suffix))
    known = ", ".join(each.suffix for each in formats)
    raise ValueError(f"{path} has the suffix of no format that models are exported to: expected one of {known}.")
