"""Equal values in OpenVINO: the first of them comes first where the greatest are chosen, as ONNX and PyTorch have it.

OpenVINO leaves that open. On a picture of one colour many boxes have one score, and the first suppresses others. Its
own `stable` moves each value past all that are chosen: 1.8 s for the best 1,000 of 200,000, which is how many anchors
the finest level of a detector has.
"""

from typing import Any

from ._rewriting import named_after

FARTHEST = float(1 << 24)
"""Above all places, which single precision holds exactly up to here."""


def order_ties(model: Any) -> None:  # openvino.Model
    """Let the first of equal values come first, wherever a model chooses the greatest or the least."""
    from openvino import opset11

    for node in model.get_ordered_ops():
        if node.get_type_name() != "TopK":
            continue
        told = node.get_attributes()
        data, number = node.input_value(0), node.input_value(1)
        with named_after(model, node):
            if (told["mode"], told["sort"]) == ("max", "value"):
                rank = data.get_partial_shape().rank.get_length()
                chosen = _greatest(data, number, told["axis"] % rank, told["index_element_type"])
            else:
                how = (told[name] for name in ("axis", "mode", "sort", "index_element_type"))
                chosen = opset11.topk(data, number, *how, stable=True).outputs()
            for output, other in zip(node.outputs(), chosen, strict=True):
                output.replace(other)


def _greatest(data: Any, number: Any, axis: int, index_type: str) -> tuple[Any, Any]:  # openvino.Output
    """Return the greatest values along an axis in order, and their places: the earlier of equal ones first.

    The least value that is chosen tells which ones are: all above it, and of those equal to it the first, as many as
    there is room for. These few are put in the order of their places, and then sorted by `stable`.
    """
    import numpy as np
    from openvino import opset11

    along = opset11.constant(np.array(axis, dtype=np.int64))
    zero, one, farthest = (opset11.constant(np.array(value, dtype=np.float32)) for value in (0, 1, -FARTHEST))
    least = opset11.reduce_min(opset11.topk(data, number, axis, "max", "value", "i32").output(0), along, keep_dims=True)
    above = opset11.convert(opset11.greater(data, least), "f32")
    tied = opset11.convert(opset11.equal(data, least), "f32")
    room = opset11.subtract(opset11.convert(number, "f32"), opset11.reduce_sum(above, along, keep_dims=True))
    fits = opset11.convert(opset11.less_equal(opset11.cum_sum(tied, along), room), "f32")
    inside = opset11.add(above, opset11.multiply(tied, fits))
    places = opset11.cum_sum(opset11.add(opset11.multiply(inside, zero), one), along)
    earliest = opset11.select(opset11.greater(inside, zero), opset11.negative(places), farthest)
    in_order = opset11.topk(earliest, number, axis, "max", "value", "i32").output(1)
    best = opset11.topk(opset11.gather_elements(data, in_order, axis), number, axis, "max", "value", "i32", stable=True)
    found = opset11.gather_elements(in_order, best.output(1), axis)
    return best.output(0), opset11.convert(found, index_type).output(0)
