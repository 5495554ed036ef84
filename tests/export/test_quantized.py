"""Exported int8 models compute what they compute in PyTorch, bit for bit."""

import json

import pytest
import torch
from torch import Tensor, nn

from classification.int8_networks import BETWEEN_LAYERS, quantized
from export_networks import tolerance_of
from zoo_classification.quantization import QuantizedValues
from zoo_export import export

MODEL = "quantized_resnet18"


@pytest.fixture(scope="module")
def network():
    return quantized(MODEL)


@pytest.mark.parametrize(("form", "suffix"), [("pt2", ".pt2"), pytest.param("onnx", ".onnx", marks=pytest.mark.slow)])
def test_the_file_of_an_int8_model_gives_its_very_scores(form, suffix, network, tmp_path):
    if form == "onnx":
        pytest.importorskip("onnxruntime")
    exported = export(MODEL, form, tmp_path / f"f{suffix}", network=network, raw=True, certificate=False)
    for batch in (1, 3):
        images = torch.randn(batch, 3, 224, 224)
        assert torch.equal(torch.from_numpy(exported(images.numpy())["scores"]), network(images))


class Between(nn.Module):
    """Does something with steps of 8 bits, as between two layers of a network."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, steps: Tensor) -> Tensor:
        return self.function(QuantizedValues(steps, 0.0231, 113)).steps


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the converter's are about itself
@pytest.mark.parametrize("function", BETWEEN_LAYERS)
def test_what_lies_between_layers_gives_the_same_steps_in_onnx(function, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    steps = torch.randint(-113, 143, (2, 64, 7, 8)).float()
    torch.onnx.export(Between(function).eval(), (steps,), tmp_path / "f.onnx", dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "f.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: steps.numpy()})
    assert torch.equal(torch.from_numpy(found), Between(function)(steps))


def test_its_pictures_are_made_images_and_its_scores_probabilities(network, tmp_path):
    # A pixel at a tie becomes another one on some processors; steps of 8 bits jump then, on a picture or two.
    exported = export(MODEL, "pt2", tmp_path / "f.pt2", network=network, tolerance=tolerance_of(MODEL))
    compared = json.loads((tmp_path / "f.pt2.certificate.json").read_text())["inputs"]
    assert sum(each["difference"] <= 0.02 for each in compared) >= len(compared) - 2
    assert (exported.facts.task, exported.facts.precision) == ("quantization", "float32")
    assert exported.facts.inputs[0].axes == ("batch", "height", "width", 3)


@pytest.mark.parametrize("precision", ["float16", "bfloat16", "int8"])
def test_it_has_its_own_precision(precision, network, tmp_path):
    calibration = "noise" if precision == "int8" else None
    with pytest.raises(ValueError, match=f"computes with int8 as it is, and cannot be exported in {precision} besides"):
        export(MODEL, "pt2", tmp_path / "f.pt2", network=network, precision=precision, calibration=calibration)
