"""Every model computes what the models of the published files compute, recorded with the same synthetic parameters."""

import pytest
import torch

from reference.fill import calibrate_, fill_, image_batch
from reference.records import build_as, cases, is_int8, noise, record_of, recorded, registered


def test_every_model_and_member_has_a_recorded_output_and_no_output_is_of_another() -> None:
    assert recorded("outputs") == {case for case in registered() if not is_int8(*case)}


@pytest.mark.parametrize(("model", "member"), cases(slow_if_large=True))
def test_output_is_the_recorded_one(model: str, member: str) -> None:
    record = record_of("outputs", model, member)
    network = fill_(build_as(model, member, **record["kwargs"]))
    images = image_batch(tuple(record["input"]["image_batch"]))
    calibrate_(network, images)
    with torch.inference_mode():
        output = network(images)
    expected = record["output"]
    assert (list(output.shape), str(output.dtype)) == (expected["shape"], f"torch.{expected['dtype']}")
    summary = torch.tensor([output.mean(), output.std(correction=0), *output.flatten()[expected["index"]]])
    golden = torch.tensor([expected["mean"], expected["std"], *expected["value"]])
    tolerance = max(1e-3, 10 * noise(model)) * expected["std"]
    torch.testing.assert_close(summary, golden, rtol=0, atol=tolerance)
