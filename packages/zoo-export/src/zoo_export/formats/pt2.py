"""PyTorch's own form of a recorded program, which runs wherever PyTorch is."""

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from zoo_core.names import Later
from zoo_export._facts import KEY, ExportError, Facts

from ._format import Calibration, Format, Runtime

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch.export import ExportedProgram
else:
    np, torch = Later("numpy"), Later("torch")
    NDArray, ExportedProgram = dict, object

_EXTRA = f"{KEY}.json"


class TorchProgram(Format):
    """A `.pt2` file of `torch.export.save`."""

    name: ClassVar[str] = "pt2"
    suffix: ClassVar[str] = ".pt2"
    text: ClassVar[str] = "PyTorch, without zoo"

    def write(
        self, program: "ExportedProgram", facts: Facts, path: Path, *, calibration: "Calibration | None" = None
    ) -> None:
        """Save the program, with the facts as an extra file."""
        del calibration
        import torch

        torch.export.save(program, path, extra_files={_EXTRA: facts.to_json()})

    def facts(self, path: Path) -> Facts:
        """Read the extra file."""
        try:
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if name.endswith(f"/{_EXTRA}")]
                text = archive.read(names[0]).decode() if names else None
        except (zipfile.BadZipFile, UnicodeDecodeError, OSError) as error:
            raise ExportError(f"{path} cannot be read as a program of torch.export: {error}") from error
        if text is None:
            raise ExportError(f"{path} was not exported by zoo: it has no {_EXTRA} in it.")
        return Facts.from_json(text, str(path))

    def load(self, path: Path, *, threads: int | None = None) -> Runtime:
        """Load the program; PyTorch's threads are those of the process.

        Raises:
            ExportError: It cannot be read, or PyTorch would run something else than a network when it reads it.
        """
        del threads
        facts = self.facts(path)
        import torch

        from ._program_archive import check_program_archive

        try:
            check_program_archive(path)
            program = torch.export.load(path)
        except Exception as error:
            raise ExportError(f"{path} cannot be read as a program of torch.export: {error}") from error
        return RunningModule(facts, program.module())


class RunningModule(Runtime):
    """What PyTorch runs.

    Args:
        facts: What the file says of itself.
        module: Takes and gives tensors in order.
    """

    def __init__(self, facts: Facts, module: "Callable[..., Sequence[torch.Tensor]]") -> None:
        super().__init__(facts)
        self._module = module

    def run(self, inputs: "Sequence[NDArray[np.generic]]") -> "list[NDArray[np.generic]]":
        """Run the program."""
        import torch

        with torch.inference_mode():
            return [output.numpy() for output in self._module(*map(torch.from_numpy, inputs))]
