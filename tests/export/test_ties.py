"""Choosing the greatest in OpenVINO: equal values come in the order of their places."""

import numpy as np
import pytest

from zoo_export.formats._ties import order_ties

openvino = pytest.importorskip("openvino")

CASES = {
    "a few": ((50,), 0, 7),
    "all": ((50,), -1, 50),
    "of each row": ((3, 40), 1, 5),
    "of each column": ((40, 3), 0, 5),
    "of one": ((1,), 0, 1),
    "of nothing": ((0,), 0, 0),
}


@pytest.mark.parametrize("levels", [1, 5, 1000], ids=["one value", "few values", "many values"])
@pytest.mark.parametrize("mode", ["max", "min"])
@pytest.mark.parametrize("case", CASES)
def test_the_first_of_equal_values_comes_first(case: str, mode: str, levels: int) -> None:
    from openvino import opset11

    shape, axis, number = CASES[case]
    values = np.floor(np.random.default_rng(0).random(shape) * levels).astype(np.float32)
    data, given = opset11.parameter([-1] * len(shape), np.float32), opset11.parameter([], np.int64)
    chosen = opset11.topk(data, given, axis, mode, "value", "i64")
    model = openvino.Model([opset11.result(each) for each in chosen.outputs()], [data, given], "chosen")
    order_ties(model)
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    best, places = (np.array(each) for each in compiled([values, np.int64(number)]).values())
    sign = -1 if mode == "max" else 1
    expected = np.take(np.argsort(sign * values, axis=axis, kind="stable"), range(number), axis=axis)
    assert np.array_equal(places, expected)
    assert np.array_equal(best, np.take_along_axis(values, expected, axis=axis))
