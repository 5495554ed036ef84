"""Sizes in double precision in an ONNX model, as Python computes them: the converter writes single precision.

Detectors resize a picture to a factor times its length, without what comes after the point. Where that is a whole
number but for rounding, 800 / 600 * 900, the precision decides on a pixel, and with it on all boxes a little, and on
edges of masks.
"""

from collections.abc import Iterable
from typing import Any

_ARITHMETIC = frozenset({"Add", "Div", "Max", "Min", "Mul", "Sub"})


def widen_sizes(model: Any) -> None:  # onnx_ir.Model
    """Let every size that is cut off to a whole number be computed in double precision.

    Args:
        model: Is changed. What else is computed from the same factors, as places of boxes, stays in single precision,
            in which PyTorch computes it, too.
    """
    from onnx_ir import DataType

    for node in list(model.graph.all_nodes()):
        if node.op_type != "Cast" or _target(node) != DataType.INT64 or _type(node.inputs[0]) != DataType.FLOAT:
            continue
        copies = _Copies()
        wide = copies.of(node.inputs[0])
        if wide is not None and copies.nodes:
            node.graph.insert_before(node, copies.nodes)
            node.replace_input_with(0, wide)


class _Copies:
    """Copies of the steps that lead to a size, in double precision."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self._made: dict[int, Any] = {}

    def of(self, value: Any) -> Any | None:
        """Return a value in double precision; `None` if it is made of something else than lengths and numbers."""
        if id(value) not in self._made:
            self._made[id(value)] = self._copied(value)
        return self._made[id(value)]

    def _copied(self, value: Any) -> Any | None:
        import numpy as np
        from onnx_ir import DataType, convenience, tensor

        known = convenience.get_const_tensor(value)
        if known is not None:
            return self._added(value, "Constant", (), {"value": tensor(known.numpy().astype(np.float64))})
        node = value.producer()
        if node is not None and node.op_type == "Cast" and _type(node.inputs[0]) == DataType.INT64:
            return self._added(value, "Cast", node.inputs, {"to": DataType.DOUBLE})
        if node is None or node.op_type not in _ARITHMETIC:
            return None
        inputs = [self.of(each) for each in node.inputs]
        return None if any(each is None for each in inputs) else self._added(value, node.op_type, inputs, {})

    def _added(self, value: Any, kind: str, inputs: Iterable[Any], attributes: dict[str, Any]) -> Any:
        from onnx_ir import DataType, TensorType, node

        made = node(kind, list(inputs), attributes=attributes)
        made.outputs[0].type, made.outputs[0].shape = TensorType(DataType.DOUBLE), value.shape
        self.nodes.append(made)
        return made.outputs[0]


def _target(node: Any) -> Any:
    return node.attributes["to"].as_int()


def _type(value: Any) -> Any:
    return None if value is None else value.dtype
