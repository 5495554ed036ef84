"""Compares what models give, whatever its structure, with records of it and with what other models give."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

DIGITS = 1e-6
"""How precisely, relative to themselves, numbers are recorded: scores near 1 may vary by less than that."""
NEARBY = 2
"""Rows by which rounding moves a detection whose score is that of its neighbours in six digits."""


def leaves(output: Any, name: str = "output") -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of an output, each with the keys and positions that lead to it."""
    if isinstance(output, Tensor):
        yield name, output
    else:
        items = output.items() if isinstance(output, Mapping) else enumerate(output)
        for key, value in items:
            yield from leaves(value, f"{name}.{key}")


def assert_agree(output: Any, expected: Any, tolerance: float) -> None:
    """Check that two outputs have one structure, and tensors that differ by `tolerance` standard deviations at most."""
    found, wanted = dict(leaves(output)), dict(leaves(expected))
    assert list(found) == list(wanted)
    for name, tensor in found.items():
        atol = tolerance * deviation(wanted[name])
        text = f"{name} differs by more than {atol}"
        torch.testing.assert_close(tensor, wanted[name], rtol=0, atol=atol, msg=text)


def assert_recorded(output: Any, record: Any, tolerance: float, in_place: float = 1.0, name: str = "output") -> None:
    """Check an output against a record of its structure.

    Args:
        output: A tensor, or a mapping or sequence of outputs.
        record: Of a tensor its shape, dtype, mean, deviation, and values at some places; or a mapping or list of
            records. `None` stands for a tensor of which nothing is recorded.
        tolerance: Greatest difference in standard deviations, where the record of a tensor does not say otherwise.
        in_place: The share of the values that must be as recorded, where rounding alone reorders them: what is in a row
            nearby is in place, too. Below 1, means and deviations are not compared.
        name: What the output is called in messages.
    """
    if record is None:
        assert isinstance(output, Tensor), name
    elif isinstance(record, list):
        assert len(output) == len(record), name
        for index, item in enumerate(record):
            assert_recorded(output[index], item, tolerance, in_place, f"{name}.{index}")
    elif "shape" in record:
        _assert_tensor(output, record, tolerance, in_place, name)
    else:
        assert list(output) == list(record), name
        for key, item in record.items():
            assert_recorded(output[key], item, tolerance, in_place, f"{name}.{key}")


def _assert_tensor(output: Tensor, record: Mapping[str, Any], tolerance: float, in_place: float, name: str) -> None:
    assert (list(output.shape), str(output.dtype)) == (record["shape"], f"torch.{record['dtype']}"), name
    numbers = output.double()
    expected = torch.tensor(record["value"], dtype=torch.float64)
    atol = record.get("tolerance", tolerance) * record["std"]
    index = torch.tensor(record["index"])
    near = torch.zeros_like(expected, dtype=torch.bool)
    for rows in (0,) if in_place == 1.0 else range(-NEARBY, NEARBY + 1):
        places = (index + rows * output[0].numel()).clamp(0, numbers.numel() - 1)
        near |= (numbers.flatten()[places] - expected).abs() <= atol + DIGITS * expected.abs()
    assert near.double().mean() >= in_place, f"{name}: {numbers.flatten()[record['index']]}, expected {expected}"
    if in_place == 1.0:
        summary = torch.stack([numbers.mean(), numbers.std(correction=0)])
        recorded = torch.tensor([record["mean"], record["std"]], dtype=torch.float64)
        torch.testing.assert_close(summary, recorded, rtol=DIGITS, atol=atol, msg=lambda text: f"{name}: {text}")


def difference(output: Any, expected: Any) -> float:
    """Return the largest difference of two outputs, in standard deviations; infinite if their structures differ."""
    pairs = _pairs(output, expected)
    return float("inf") if pairs is None else max((_difference(*pair) for pair in pairs), default=0.0)


def share_in_place(output: Any, expected: Any, tolerance: float) -> float:
    """Return the share of the values that differ by `tolerance` deviations at most, in the tensor with the fewest."""
    pairs = _pairs(output, expected)
    if pairs is None:
        return 0.0
    near = [(found.double() - wanted.double()).abs() <= tolerance * deviation(wanted) for found, wanted in pairs]
    return min((values.double().mean().item() for values in near if values.numel()), default=1.0)


def _pairs(output: Any, expected: Any) -> list[tuple[Tensor, Tensor]] | None:
    """Return the tensors of two outputs side by side; `None` if there are others, or of other shapes."""
    found, wanted = dict(leaves(output)), dict(leaves(expected))
    shapes = [{name: tensor.shape for name, tensor in tensors.items()} for tensors in (found, wanted)]
    return [(tensor, wanted[name]) for name, tensor in found.items()] if shapes[0] == shapes[1] else None


def _difference(output: Tensor, expected: Tensor) -> float:
    largest = (output.double() - expected.double()).abs().max().item() if output.numel() else 0.0
    return largest / deviation(expected) if largest else 0.0


def deviation(tensor: Tensor) -> float:
    """Return the standard deviation of a tensor's values; where they are all the same, 1."""
    return tensor.double().std(correction=0).item() or 1.0 if tensor.numel() else 1.0
