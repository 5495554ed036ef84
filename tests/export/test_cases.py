"""What exported files are compared on."""

from dataclasses import replace

import pytest
import torch

from zoo_export._recording import lengths_in
from zoo_export.certificate._cases import cases

from .tiny import program_of


def test_there_are_sizes_batches_empty_and_full_pictures_and_real_ones() -> None:
    found = list(cases(program_of("classification")))
    assert len(found) >= 16
    assert {inputs[0].shape[0] for _, inputs in found} == {1, 2, 3}
    assert len({inputs[0].shape[1:3] for _, inputs in found}) >= 8
    for name in ("noise", "waves", "black", "white", "many things", "digits"):
        assert any(name in what for what, _ in found)


def test_the_same_cases_come_again() -> None:
    first, second = (list(cases(program_of("classification"))) for _ in range(2))
    assert [what for what, _ in first] == [what for what, _ in second]
    assert all(torch.equal(one[0], other[0]) for (_, one), (_, other) in zip(first, second, strict=True))


@pytest.mark.parametrize("name", ["segmentation", "video", "flow"])
def test_axes_of_one_length_keep_it(name: str) -> None:
    program = program_of(name)
    for _, inputs in cases(program, {"batch": 1, "height": 40, "width": 50}):
        for fact, value in zip(program.inputs, inputs, strict=True):
            lengths = dict(zip(fact.axes, value.shape, strict=True))
            assert (lengths["height"], lengths["width"]) == (40, 50)
            assert lengths.get("batch", 1) == 1


def test_a_file_tells_which_axes_have_one_length() -> None:
    (fact,) = program_of("segmentation").inputs
    assert lengths_in((fact,), (replace(fact, axes=("batch", 40, 50, 3)),)) == {"height": 40, "width": 50}
