"""A program compiled to machine code by AOTInductor, which PyTorch runs."""

import json
import platform
import sys
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from zoo_export._facts import KEY, ExportError, Facts

from ._format import Calibration, Format, Runtime
from .pt2 import RunningModule

if TYPE_CHECKING:
    from torch.export import ExportedProgram
else:
    ExportedProgram = object

_METADATA = "_metadata.json"
"""How the names end of the files in a package that say what it was compiled for."""
_INSTRUCTIONS = "AOTI_CPU_ISA"
_WIDER: Mapping[str, frozenset[str]] = {"AVX2": frozenset({"AVX2", "AVX512"}), "AVX512": frozenset({"AVX512"})}
"""Which processors, as PyTorch calls what they can, run code with such instructions."""


class CompiledPackage(Format):
    """An `.aoti.pt2` file of `torch._inductor.aoti_compile_and_package`."""

    name: ClassVar[str] = "aoti"
    suffix: ClassVar[str] = ".aoti.pt2"
    text: ClassVar[str] = "PyTorch and C++: machine code for processors like this one"

    def require_writing(self, precision: str) -> None:
        """Raise an error if there is no compiler here.

        Raises:
            ExportError: The text says what to install.
        """
        super().require_writing(precision)
        from torch._inductor.cpp_builder import get_cpp_compiler

        try:
            get_cpp_compiler()
        except Exception as error:
            raise ExportError(
                "aoti compiles the model, which needs a C++ compiler, and there is none here: install g++, or clang++ "
                "and name it in the environment variable CXX."
            ) from error

    def write(
        self, program: "ExportedProgram", facts: Facts, path: Path, *, calibration: "Calibration | None" = None
    ) -> None:
        """Compile the program, with the facts as metadata."""
        del calibration
        import torch._inductor

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the compiler's are about itself
            try:
                torch._inductor.aoti_compile_and_package(
                    program,
                    package_path=str(path),
                    inductor_configs={
                        "aot_inductor.metadata": {KEY: facts.to_json()},
                        # With it, a convolution of a batch whose length the data decide (the objects' masks) gets its
                        # input's strides wrong, if another convolution gives that: in PyTorch 2.13.
                        "layout_optimization": not _has_lengths_of_data(program),
                    },
                )
            except Exception as error:
                raise ExportError(f"{facts.model} has something that cannot be compiled: {error}") from error

    def facts(self, path: Path) -> Facts:
        """Read the metadata."""
        metadata = _metadata(path)
        if KEY not in metadata:
            raise ExportError(f"{path} was not exported by zoo: its metadata has no {KEY!r}.")
        return Facts.from_json(metadata[KEY], str(path))

    def load(self, path: Path, *, threads: int | None = None) -> Runtime:
        """Load the machine code; its threads are those of PyTorch.

        Raises:
            ExportError: It cannot be read, or is for another kind of processor.
        """
        del threads
        facts = self.facts(path)
        _check_processor(path, _metadata(path))
        import torch._inductor

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                model = torch._inductor.aoti_load_package(str(path))
            except Exception as error:
                raise ExportError(f"{path} cannot be loaded as a package of AOTInductor: {error}") from error
        return RunningModule(facts, model)


def _has_lengths_of_data(program: "ExportedProgram") -> bool:
    """Tell whether data decide how long something in a program is."""
    from torch.fx.experimental.symbolic_shapes import free_unbacked_symbols

    values = (node.meta.get("val") for node in program.graph.nodes)
    return any(free_unbacked_symbols(value) for value in values if value is not None)


def _metadata(path: Path) -> dict[str, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(_METADATA)]
            found = json.loads(archive.read(names[0])) if names else {}
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise ExportError(f"{path} cannot be read as a package of AOTInductor: {error}") from error
    return found if isinstance(found, dict) else {}


def _check_processor(path: Path, metadata: Mapping[str, str]) -> None:
    """Raise an error if machine code is for another processor: it would end the process.

    Raises:
        ExportError: The text says for which it is.
    """
    from torch.backends.cpu import get_cpu_capability

    made_for = (metadata.get("AOTI_PLATFORM"), metadata.get("AOTI_MACHINE"))
    here = (sys.platform, platform.machine())
    instructions = metadata.get(_INSTRUCTIONS, "").split()
    lacking = [name for name in instructions if get_cpu_capability() not in _WIDER.get(name, {get_cpu_capability()})]
    if lacking or any(one is not None and one != other for one, other in zip(made_for, here, strict=True)):
        raise ExportError(
            f"{path} was compiled for {' '.join(map(str, (*made_for, *instructions)))}, and this is "
            f"{' '.join(here)} with {get_cpu_capability()}: export it on a machine like this one."
        )
