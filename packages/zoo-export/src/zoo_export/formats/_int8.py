"""Which parts of a model in ONNX's form become int8, and how ONNX Runtime makes them so."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ._format import Calibration

NETWORK = "model"
"""What programs call the network in them: around it nothing is quantized, such as resizing, which is MatMul, too."""
_SCOPES = "pkg.torch.onnx.name_scopes"
_WITH_WEIGHTS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_BETWEEN = frozenset(
    {"Add", "AveragePool", "Clip", "Concat", "GlobalAveragePool", "MaxPool", "Relu", "Reshape", "Split", "Transpose"}
)
"""What a convolutional network does between its convolutions, which int8 is good enough for."""
PREPARED = {"onnx.quant.pre_process": "onnxruntime.quant"}
"""Metadata that tell ONNX Runtime's quantizer that shapes are known, and batch norm is folded."""


def outside_network(model: Any) -> set[str]:  # onnx_ir.Model
    """Return the names of the nodes before and after the network."""
    return {node.name for node in model.graph if (scope := _scope(node)) is not None and scope != NETWORK}


def attends(model: Any) -> bool:  # onnx_ir.Model
    """Tell whether a network has attention: sums along its depth have to stay as they are then."""
    return any(node.op_type == "Softmax" and _scope(node) == NETWORK for node in model.graph)


def quantize(model: Any, calibration: Calibration, source: Path, path: Path) -> None:
    """Write a model whose network computes in int8.

    Args:
        model: The model as `onnx_ir.Model`.
        calibration: Inputs that show which ranges values have.
        source: The model as a file.
        path: The file to write.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc] # onnxruntime is not typed
        def __init__(self) -> None:
            self._inputs = _by_name(model, calibration)

        def get_next(self) -> dict[str, Any] | None:
            return next(self._inputs, None)

    kinds = _WITH_WEIGHTS if attends(model) else _WITH_WEIGHTS | _BETWEEN
    outside = outside_network(model)
    quantize_static(
        source,
        path,
        Reader(),
        per_channel=True,
        reduce_range=True,  # sums of products would overflow on processors without VNNI
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_quantize=[node.name for node in model.graph if node.op_type in kinds and node.name not in outside],
        extra_options={"MatMulConstBOnly": True},
    )


def _by_name(model: Any, calibration: Calibration) -> Iterator[dict[str, Any]]:
    names = [value.name for value in model.graph.inputs]
    for inputs in calibration:
        yield dict(zip(names, inputs, strict=True))


def _scope(node: Any) -> str | None:  # onnx_ir.Node
    """Return the module of the program that a node is of; `None` where the converter has put it in itself."""
    scopes = ast.literal_eval(node.metadata_props.get(_SCOPES, "[]"))
    return str(scopes[1]) if len(scopes) > 1 else None
