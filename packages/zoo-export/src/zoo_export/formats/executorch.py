"""ExecuTorch's form, for phones and small devices, run by its own runtime."""

import contextlib
import logging
import threading
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from zoo_core.names import Later
from zoo_export._facts import KEY, ExportError, Facts

from ._flatbuffer import read_constant
from ._format import Calibration, Format, Runtime
from ._int8 import NETWORK

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch.export import ExportedProgram
else:
    np, torch = Later("numpy"), Later("torch")
    NDArray, ExportedProgram = dict, object


class ExecuTorch(Format):
    """A `.pte` file, with what XNNPACK computes given to it; inputs have one size, as memory is planned ahead."""

    name: ClassVar[str] = "executorch"
    suffix: ClassVar[str] = ".pte"
    needs: ClassVar[tuple[str, ...]] = ("executorch",)
    extra: ClassVar[str] = "executorch"
    text: ClassVar[str] = "ExecuTorch, on phones and small devices"
    any_length: ClassVar[bool] = False
    quantizer: ClassVar[str] = "PT2E with XNNPACK's quantizer, static: weights int8 for each channel, symmetric"

    def write(
        self, program: "ExportedProgram", facts: Facts, path: Path, *, calibration: "Calibration | None" = None
    ) -> None:
        """Lower the program, with the facts as what its method `zoo` gives."""
        _check_lengths(facts)
        _check_outputs(program, facts)
        _check_convolutions(program, facts)
        with _without_remarks():
            from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
            from executorch.exir import to_edge_transform_and_lower

            if calibration is not None:
                program = _quantized(program, facts, calibration)
            try:
                lowered = to_edge_transform_and_lower(
                    program, partitioner=[XnnpackPartitioner()], constant_methods={KEY: facts.to_json()}
                )
                made = lowered.to_executorch()
            except Exception as error:
                raise ExportError(f"{facts.model} has something that ExecuTorch has no form for: {error}") from error
        with path.open("wb") as file:
            made.write_to_file(file)

    def facts(self, path: Path) -> Facts:
        """Read what the method `zoo` gives, without running it."""
        found = read_constant(path, KEY)
        if found is None:
            raise ExportError(f"{path} was not exported by zoo: it has no method {KEY!r}.")
        return Facts.from_json(found, str(path))

    def load(self, path: Path, *, threads: int | None = None) -> Runtime:
        """Load the program; threads are those that XNNPACK takes by itself."""
        del threads
        self.require()
        facts = self.facts(path)
        with _without_remarks():
            from executorch.runtime import Runtime as Loader

            try:
                program = Loader.get().load_program(path)
                method = program.load_method("forward")
            except Exception as error:
                raise ExportError(f"{path} cannot be run by ExecuTorch: {error}") from error
        return _Running(facts, program, method)


class _Running(Runtime):
    def __init__(self, facts: Facts, program: Any, method: Any) -> None:  # of executorch.runtime
        super().__init__(facts)
        self._program, self._method = program, method  # the method has its memory of the program
        self._lock = threading.Lock()  # and one memory for all that it computes

    def run(self, inputs: "Sequence[NDArray[np.generic]]") -> "list[NDArray[np.generic]]":
        """Run the method."""
        import torch

        with self._lock:
            outputs = self._method.execute([torch.from_numpy(value) for value in inputs])
            return [output.numpy().copy() for output in outputs]  # the next run writes to the same memory


def _quantized(program: "ExportedProgram", facts: Facts, calibration: Calibration) -> "ExportedProgram":
    """Record the program again, with its network in int8.

    Raises:
        ExportError: Something in it cannot be quantized.
    """
    import torch
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    assert program.example_inputs is not None
    each_channel = get_symmetric_quantization_config(is_per_channel=True)
    quantizer = XNNPACKQuantizer().set_global(each_channel).set_filter_function(_may_be_quantized)
    try:
        with torch.no_grad():
            prepared = prepare_pt2e(program.module(), quantizer)
            for inputs in calibration:
                prepared(*map(torch.from_numpy, inputs))
            return torch.export.export(convert_pt2e(prepared), program.example_inputs[0], strict=False)
    except Exception as error:
        raise ExportError(f"{facts.model} cannot be quantized for ExecuTorch: {error}") from error


def _may_be_quantized(node: "torch.fx.Node") -> bool:
    """Tell whether a node is of the network: around it are operations alone, without weights."""
    modules = [path.partition(".")[0] for path, _ in node.meta.get("nn_module_stack", {}).values()]
    return node.op != "call_function" or NETWORK in modules


def _check_lengths(facts: Facts) -> None:
    """Raise an error if an input may be of any size.

    Raises:
        ExportError: The text names the axes.
    """
    axes = {axis: None for fact in facts.inputs for axis in fact.axes if isinstance(axis, str)}
    if axes:
        raise ExportError(
            f"Files for ExecuTorch take inputs of one size, and {', '.join(axes)} of {facts.model} may be of any: fix "
            f"{'them' if len(axes) > 1 else 'it'}, height and width by --size 640x480."
        )


def _check_outputs(program: "ExportedProgram", facts: Facts) -> None:
    """Raise an error if how long an output is depends on what an input shows, as the number of objects does.

    Raises:
        ExportError: The text names the outputs.
    """
    from torch.fx.experimental.symbolic_shapes import free_unbacked_symbols

    given = program.graph.output_node().args[0]
    assert isinstance(given, tuple)
    outputs = zip(given[-len(facts.outputs) :], facts.outputs, strict=True)  # before them are buffers, if any
    names = [fact.name for node, fact in outputs if free_unbacked_symbols(node.meta["val"].shape)]
    if names:
        raise ExportError(
            f"ExecuTorch plans memory ahead, and how long {', '.join(names)} of {facts.model} are depends on the "
            "picture: it cannot be written so."
        )


def _check_convolutions(program: "ExportedProgram", facts: Facts) -> None:
    """Raise an error if a convolution is in three dimensions: it would be written, and fail when it is run.

    Raises:
        ExportError: The text names it.
    """
    of_clips = 5  # (N, C, T, H, W)
    for node in program.graph.nodes:
        if (
            node.op == "call_function"
            and str(node.target).startswith("aten.conv")
            and node.meta["val"].dim() >= of_clips
        ):
            raise ExportError(f"{facts.model} has {node.target}, and ExecuTorch convolves in two dimensions at most.")


@contextlib.contextmanager
def _without_remarks() -> Iterator[None]:
    """Keep what its libraries say of themselves from the log and from warnings."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
