"""OpenVINO's form, made of the ONNX form, and run by OpenVINO."""

import contextlib
import io
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from zoo_core.names import Later
from zoo_export._facts import KEY, ExportError, Facts

from ._double_sizes import keep_sizes
from ._format import Calibration, Format, Runtime
from ._int8 import attends, outside_network
from ._ties import order_ties
from ._xml import read_information
from .onnx import convert, threads_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch.export import ExportedProgram
else:
    np = Later("numpy")
    NDArray, ExportedProgram = dict, object


_NO_TELEMETRY = "NNCF_CI"


class OpenVino(Format):
    """An `.xml` file with the weights in a `.bin` file beside it."""

    name: ClassVar[str] = "openvino"
    suffix: ClassVar[str] = ".xml"
    needs: ClassVar[tuple[str, ...]] = ("openvino", "onnx", "onnxscript")
    extra: ClassVar[str] = "openvino"
    text: ClassVar[str] = "OpenVINO, on Intel's processors"
    quantizer: ClassVar[str] = "NNCF, static: least and greatest values, biases corrected"
    quantizer_needs: ClassVar[tuple[str, ...]] = ("nncf",)

    def write(
        self, program: "ExportedProgram", facts: Facts, path: Path, *, calibration: "Calibration | None" = None
    ) -> None:
        """Convert the program by way of ONNX."""
        import openvino

        with tempfile.TemporaryDirectory(prefix="zoo-export-") as scratch:
            between = Path(scratch) / "model.onnx"
            converted = convert(program, facts)
            converted.save(between)
            try:
                model = openvino.Core().read_model(between)
            except Exception as error:
                raise ExportError(f"{facts.model} has something that OpenVINO cannot read: {error}") from error
            order_ties(model)
            keep_sizes(model)
            if calibration is not None:
                try:
                    model = _quantized(model, converted.model, calibration)
                except Exception as error:
                    raise ExportError(f"{facts.model} cannot be quantized by NNCF: {error}") from error
            model.set_rt_info(facts.to_json(), [KEY])
            openvino.save_model(model, path, compress_to_fp16=False)

    def facts(self, path: Path) -> Facts:
        """Read the file's information for runtimes."""
        found = read_information(path)
        if found is None:
            raise ExportError(f"{path} was not exported by zoo: it has no {KEY!r} in its information.")
        return Facts.from_json(found, str(path))

    def load(self, path: Path, *, threads: int | None = None) -> Runtime:
        """Load the file, in single precision."""
        self.require("openvino")
        import openvino

        facts = self.facts(path)
        settings = {"INFERENCE_NUM_THREADS": threads_of(threads), "INFERENCE_PRECISION_HINT": "f32"}
        core = openvino.Core()
        try:
            compiled = core.compile_model(core.read_model(path), "CPU", settings)
        except Exception as error:
            raise ExportError(f"{path} cannot be run by OpenVINO: {error}") from error
        return _Running(facts, compiled)

    def files(self, path: Path) -> list[Path]:
        """Return both files."""
        return [path, path.with_suffix(".bin")]


def _quantized(model: Any, converted: Any, calibration: Calibration) -> Any:  # openvino.Model, onnx_ir.Model
    with _without_remarks():
        import nncf

        outside = outside_network(converted)
        names = [operation.get_friendly_name() for operation in model.get_ops()]
        return nncf.quantize(
            model,
            nncf.Dataset(calibration),
            model_type=nncf.ModelType.TRANSFORMER if attends(converted) else None,
            ignored_scope=nncf.IgnoredScope(
                names=[name for name in names if name.partition("/")[0] in outside], validate=False
            ),
        )


@contextlib.contextmanager
def _without_remarks() -> Iterator[None]:
    """Keep NNCF from printing, and from telling its makers that it is used."""
    before = os.environ.get(_NO_TELEMETRY)
    os.environ[_NO_TELEMETRY] = "1"  # read when it is imported
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        if before is None:
            del os.environ[_NO_TELEMETRY]
        else:
            os.environ[_NO_TELEMETRY] = before


class _Running(Runtime):
    def __init__(self, facts: Facts, compiled: Any) -> None:  # openvino.CompiledModel
        super().__init__(facts)
        self._compiled = compiled
        self._lock = threading.Lock()  # a compiled model has one request, which one thread may use at a time

    def run(self, inputs: "Sequence[NDArray[np.generic]]") -> "list[NDArray[np.generic]]":
        """Run it."""
        import numpy as np

        with self._lock:
            outputs = self._compiled(list(inputs))
            return [np.array(outputs[place]) for place in range(len(self.facts.outputs))]
