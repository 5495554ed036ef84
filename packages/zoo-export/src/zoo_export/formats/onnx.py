"""ONNX, run by ONNX Runtime."""

import logging
import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from zoo_core.names import Later
from zoo_export._facts import KEY, ExportError, Facts

from ._format import Calibration, Format, Runtime
from ._int8 import PREPARED, quantize
from ._protobuf import read_metadata
from ._sizes import widen_sizes

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch.export import ExportedProgram
else:
    np, torch = Later("numpy"), Later("torch")
    NDArray, ExportedProgram = dict, object


SLOW_RULES = {"SlicesSplit"}
"""As onnxscript calls them."""


class Onnx(Format):
    """An `.onnx` file; of models above 2 GB the weights are in a file beside it."""

    name: ClassVar[str] = "onnx"
    suffix: ClassVar[str] = ".onnx"
    needs: ClassVar[tuple[str, ...]] = ("onnx", "onnxscript", "onnxruntime")
    extra: ClassVar[str] = "onnx"
    text: ClassVar[str] = "ONNX Runtime, and all that reads ONNX"
    quantizer: ClassVar[str] = (
        "ONNX Runtime, static: QuantizeLinear and DequantizeLinear around what has weights, activations uint8, weights "
        "int8 of 7 bits for each channel; least and greatest values"
    )

    def write(
        self, program: "ExportedProgram", facts: Facts, path: Path, *, calibration: "Calibration | None" = None
    ) -> None:
        """Convert the program, and write it with the facts as metadata."""
        converted = convert(program, facts)
        metadata = converted.model.metadata_props
        metadata[KEY] = facts.to_json()
        if calibration is None:
            converted.save(path)
            return
        metadata.update(PREPARED)
        with tempfile.TemporaryDirectory(prefix="zoo-export-") as scratch:
            between = Path(scratch) / "model.onnx"
            converted.save(between)
            try:
                quantize(converted.model, calibration, between, path)
            except Exception as error:
                raise ExportError(f"{facts.model} cannot be quantized by ONNX Runtime: {error}") from error

    def facts(self, path: Path) -> Facts:
        """Read the metadata."""
        return facts_in(read_metadata(path), path)

    def load(self, path: Path, *, threads: int | None = None) -> Runtime:
        """Load the file into ONNX Runtime, on the CPU."""
        self.require("onnxruntime")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads_of(threads)
        options.log_severity_level = 3  # errors alone
        try:
            session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ExportError(f"{path} cannot be run by ONNX Runtime: {error}") from error
        return _Running(facts_in(session.get_modelmeta().custom_metadata_map, path), session)

    def files(self, path: Path) -> list[Path]:
        """Return the file, and the weights beside it."""
        beside = path.with_name(f"{path.name}.data")
        return [path, beside] if beside.exists() else [path]


class _Running(Runtime):
    def __init__(self, facts: Facts, session: Any) -> None:  # onnxruntime is not typed
        super().__init__(facts)
        self._session = session

    def run(self, inputs: "Sequence[NDArray[np.generic]]") -> "list[NDArray[np.generic]]":
        """Run the session."""
        named = {fact.name: value for fact, value in zip(self.facts.inputs, inputs, strict=True)}
        outputs: list[NDArray[np.generic]] = self._session.run([fact.name for fact in self.facts.outputs], named)
        return outputs


def convert(program: "ExportedProgram", facts: Facts) -> "torch.onnx.ONNXProgram":
    """Convert a program to ONNX, with the names that the facts have.

    Raises:
        ExportError: Something in it has no form in ONNX.
    """
    import torch

    with warnings.catch_warnings(), _without_remarks(), _without_slow_rules():
        warnings.simplefilter("ignore")  # the converter's are about itself
        try:
            converted = torch.onnx.export(
                program,
                dynamo=True,
                verbose=False,
                input_names=[fact.name for fact in facts.inputs],
                output_names=[fact.name for fact in facts.outputs],
            )
        except Exception as error:
            raise ExportError(f"{facts.model} has something that cannot be written as ONNX: {error}") from error
    assert converted is not None
    widen_sizes(converted.model)
    _name_axes(converted.model, facts)
    return converted


def _name_axes(model: Any, facts: Facts) -> None:  # onnx_ir.Model
    """Give axes of any length the names that the facts have, everywhere in the model, in place of the recorder's."""
    from onnx_ir import Shape

    names: dict[str, str] = {}
    for values, told in ((model.graph.inputs, facts.inputs), (model.graph.outputs, facts.outputs)):
        for value, fact in zip(values, told, strict=True):
            for dimension, axis in zip(value.shape or (), fact.axes, strict=False):
                if isinstance(axis, str) and re.fullmatch(r"\w+", symbol := _symbol(dimension)):
                    names.setdefault(symbol, axis)
    computed = (value for node in model.graph.all_nodes() for value in node.outputs)
    for value in (*model.graph.inputs, *computed):
        if value.shape is not None:
            value.shape = Shape([_renamed(dimension, names) for dimension in value.shape])


def _symbol(dimension: Any) -> str:
    return "" if isinstance(dimension, int) else str(dimension.value or "")


def _renamed(dimension: Any, names: dict[str, str]) -> int | str | None:
    if isinstance(dimension, int):
        return dimension
    return re.sub(r"[A-Za-z_]\w*", lambda word: names.get(word[0], word[0]), _symbol(dimension)) or None


@contextmanager
def _without_remarks() -> Iterator[None]:
    """Keep from the log what the converter says of packages that it looks for."""
    log = logging.getLogger("torch.onnx._internal.exporter._registration")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


@contextmanager
def _without_slow_rules() -> Iterator[None]:
    """Keep the converter from the rules that try each node with all others; they would take minutes of large models.

    One is known: it makes a single node of two slices of a tensor. RAFT has thousands, and runs no faster by it. An
    onnxscript that keeps its rules elsewhere uses all of them.
    """
    from onnxscript import rewriter

    before = getattr(rewriter, "_DEFAULT_REWRITE_RULES", None)
    if not isinstance(before, tuple):
        yield
        return
    rewriter._DEFAULT_REWRITE_RULES = tuple(rule for rule in before if rule.name not in SLOW_RULES)
    try:
        yield
    finally:
        rewriter._DEFAULT_REWRITE_RULES = before


def threads_of(given: int | None) -> int:
    """Return how many threads a runtime may use: as many as PyTorch, where that is here, or as it takes by itself."""
    import sys

    if given is not None or "torch" not in sys.modules:
        return given or 0
    return int(sys.modules["torch"].get_num_threads())


def facts_in(metadata: dict[str, str], path: Path) -> Facts:
    """Return the facts among a file's metadata.

    Raises:
        ExportError: There are none.
    """
    if KEY not in metadata:
        raise ExportError(f"{path} was not exported by zoo: its metadata has no {KEY!r}.")
    return Facts.from_json(metadata[KEY], str(path))
