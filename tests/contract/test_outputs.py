"""Every model computes what the models of the published files compute, recorded with the same synthetic parameters."""

import pytest
import torch

from reference.agreement import assert_recorded
from reference.records import build_as, cases, inputs_of, is_int8, prepare_, record_of, recorded, registered, tolerance
from reference.targets import targets_for

CASES = cases(slow_if_large=True, slow_if_again=True)


@pytest.fixture(autouse=True)
def _one_thread():
    """The order of scores that tie depends on rounding, and that on how many threads share the work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_every_model_and_member_has_a_recorded_output_and_no_output_is_of_another() -> None:
    assert recorded("outputs") == {case for case in registered() if not is_int8(*case)}


@pytest.mark.parametrize(("model", "member"), CASES)
def test_output_is_the_recorded_one(model: str, member: str) -> None:
    record = record_of("outputs", model, member)
    network = prepare_(build_as(model, member, **record["kwargs"]), record)
    with torch.inference_mode():
        output = network(*inputs_of(record))
    assert_recorded(output, record["output"], tolerance(model), record.get("in_place", 1.0))


@pytest.mark.parametrize(
    ("model", "member"),
    [case for case in CASES if "training" in record_of("outputs", *map(str, case.values))],
)
def test_losses_are_the_recorded_ones(model: str, member: str) -> None:
    record = record_of("outputs", model, member)
    expected = record["training"]["losses"]
    network = prepare_(build_as(model, member, **record["kwargs"], **record["training"]["kwargs"]), record)
    (images,) = inputs_of(record)
    losses = network.train()(images, targets_for(images, expected))
    assert {name: loss.item() for name, loss in losses.items()} == pytest.approx(expected, rel=2e-3)
