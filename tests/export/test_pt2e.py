"""The example that quantizes by torchao's PT2E."""

from importlib.resources import as_file, files

import pytest
import torch

pytest.importorskip("torchao")
pytestmark = pytest.mark.filterwarnings("ignore")  # torchao's are about itself


@pytest.fixture(scope="module")
def samples():
    with as_file(files("zoo_digits") / "samples") as folder:
        yield folder


def test_the_example_writes_a_program_in_int8_that_finds_the_same_digits(samples, tmp_path, capsys):
    import quantize_with_pt2e
    from zoo_core import get_model, get_weight

    path = tmp_path / "digits.pt2"
    quantize_with_pt2e.main(samples, path, "shufflenet_v2_x0_5_digits", is_timed=False)
    assert "100.0% of" in capsys.readouterr().out
    program = torch.export.load(path)
    assert any(value.dtype == torch.int8 for value in program.state_dict.values())
    weights = get_weight("ShuffleNet_V2_X0_5_Digits_Weights.DEFAULT")
    network = get_model("shufflenet_v2_x0_5_digits", weights=weights).eval()
    images = quantize_with_pt2e.read(sorted(samples.glob("*.png"))[:3], weights.transforms())
    with torch.no_grad():
        found, expected = program.module()(images), network(images)
    assert found.argmax(1).tolist() == expected.argmax(1).tolist()
    assert 0 < (found - expected).abs().max() < 1


def test_too_few_pictures_are_an_error(tmp_path):
    import quantize_with_pt2e

    with pytest.raises(SystemExit, match=r"Expected at least 3 pictures in .*, found 0"):
        quantize_with_pt2e.main(tmp_path, tmp_path / "x.pt2", "shufflenet_v2_x0_5_digits", is_timed=False)
