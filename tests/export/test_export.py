"""What `export` writes, and what it leaves as it is."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from zoo_classification import shufflenet_v2_x0_5
from zoo_core import Preset, get_weight, save_model
from zoo_export import (
    CertificateError,
    Exported,
    ExportError,
    TensorFact,
    _export,
    certify,
    export,
    load_exported,
    verify,
)
from zoo_export.certificate import certificate_path
from zoo_export.formats import Runtime
from zoo_export.programs.classification import ClassificationProgram

from .makers import DIGITS, TinyNetwork


def test_the_file_alone_says_what_it_takes_gives_and_is_made_of(digits_file):
    facts = load_exported(digits_file).facts
    member = get_weight("ShuffleNet_V2_X0_5_Digits_Weights.DEFAULT")
    assert (facts.model, facts.architecture, facts.task, facts.format) == (DIGITS, DIGITS, "classification", "pt2")
    assert facts.weights == str(member)
    assert facts.sha256 == str(member.file.digest)
    assert facts.license == member.meta["license"]
    assert facts.categories == tuple(member.meta["categories"])
    assert facts.preprocessing["preset"] == "ImageClassification"
    assert facts.preprocessing["mean"] == [0.3, 0.3, 0.3]
    assert facts.inputs[0].axes == ("batch", "height", "width", 3)
    assert {"torch", "zoo-export"} <= set(facts.versions)


def test_pictures_of_any_size_and_number_give_probabilities(tiny_file):
    exported = load_exported(tiny_file)
    for batch, height, width in ((1, 20, 50), (3, 90, 31)):
        found = exported(torch.randint(0, 256, (batch, height, width, 3), dtype=torch.uint8).numpy())["probabilities"]
        assert found.shape == (batch, 10)
        assert found.sum(1) == pytest.approx(1.0, abs=1e-5)


def test_inputs_of_another_type_or_form_are_refused(tiny_file):
    with pytest.raises(ExportError, match=r"images should be uint8 \(batch, height, width, 3\), found float32"):
        load_exported(tiny_file)(torch.zeros(1, 20, 20, 3).numpy())


def test_a_size_and_a_batch_can_be_fixed(tmp_path):
    exported = export(DIGITS, "pt2", tmp_path / "f.pt2", network=TinyNetwork(), fixed=["batch"], size=(40, 60))
    assert exported.facts.inputs[0].axes == (1, 40, 60, 3)
    assert exported.facts.outputs[0].axes == (1, 10)
    with pytest.raises(ExportError, match="should be uint8"):
        exported(torch.zeros(1, 40, 61, 3, dtype=torch.uint8).numpy())


def test_a_fixed_height_needs_a_size(tmp_path):
    with pytest.raises(ValueError, match="--size"):
        export(DIGITS, "pt2", tmp_path / "f.pt2", fixed=["height"])


def test_an_axis_that_the_model_has_not_is_refused(tmp_path):
    with pytest.raises(ValueError, match="has the axes batch, height, width, found depth"):
        export(DIGITS, "pt2", tmp_path / "f.pt2", fixed=["depth"])


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_a_network_in_half_precision_takes_and_gives_the_same_types(precision, tmp_path):
    exported = export(DIGITS, "pt2", tmp_path / "half.pt2", precision=precision)
    assert exported.facts.precision == precision
    assert exported(torch.zeros(1, 9, 9, 3, dtype=torch.uint8).numpy())["probabilities"].dtype == "float32"


def test_a_raw_file_is_the_network_alone(tmp_path):
    network = TinyNetwork().eval()
    exported = export(DIGITS, "pt2", tmp_path / "raw.pt2", network=network, raw=True)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(exported(images.numpy())["scores"]), network(images))


def test_a_saved_model_is_exported_and_verified_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = shufflenet_v2_x0_5(num_classes=2).eval()
    preset = Preset("ImageClassification", {"crop_size": 64})
    save_model(network, "mine", categories=["hen", "cock"], preset=preset)
    exported = export("local-dir:mine", "pt2", "mine.pt2", certificate=False)
    assert exported.facts.categories == ("hen", "cock")
    assert exported.facts.architecture == "shufflenet_v2_x0_5"
    assert verify("mine.pt2").holds


def test_a_file_that_was_there_stays_as_it_is_when_the_new_one_does_not_hold(tmp_path):
    path = tmp_path / "digits.pt2"
    path.write_bytes(b"before")
    with pytest.raises(CertificateError):
        export(DIGITS, "pt2", path, network=TinyNetwork(), tolerance=0.0)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_leaves_nothing_half_written(tmp_path, monkeypatch):
    def interrupted(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(_export, "certify", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export(DIGITS, "pt2", tmp_path / "new.pt2", network=TinyNetwork())
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_certificate_does_not_keep_that_of_the_one_before(tmp_path):
    path = tmp_path / "digits.pt2"
    certificate_path(path).write_text("of another file")
    export(DIGITS, "pt2", path, network=TinyNetwork(), certificate=False)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("resnet5", "pt2", "x.pt2"), "Unknown model resnet5"),
        (
            (DIGITS, "pt3", "x.pt2"),
            "There is no format 'pt3'; there are pt2, aoti, onnx, openvino, executorch. Did you mean pt2",
        ),
        ((DIGITS, "pt2", "x.onnx"), "Files of the format pt2 end in .pt2, found x.onnx"),
    ],
)
def test_what_is_not_known_is_refused_at_once(arguments, text, monkeypatch):
    monkeypatch.setattr(_export, "built_model", None)
    with pytest.raises(ValueError, match=text):
        export(*arguments)


def test_an_unknown_precision_is_refused(tmp_path):
    with pytest.raises(ValueError, match="exported in float32, float16, bfloat16, int8, found 'int3'"):
        export(DIGITS, "pt2", tmp_path / "x.pt2", precision="int3")


def test_what_an_older_pytorch_cannot_do_is_said_before_anything_is_built(tmp_path, monkeypatch):
    monkeypatch.setattr(ClassificationProgram, "least_torch", (9, 1))
    monkeypatch.setattr(_export, "built_model", None)
    with pytest.raises(ExportError, match=r"needs PyTorch 9\.1 or newer, found"):
        export(DIGITS, "pt2", tmp_path / "x.pt2")


def test_a_file_is_verified_against_the_model_that_it_names(digits_file):
    assert verify(digits_file).holds


def test_a_file_of_another_network_is_not_verified(tiny_file):
    assert not verify(tiny_file).holds


def test_weights_that_are_others_now_are_told(digits_file, monkeypatch):
    import zoo_export._export as module

    loaded = load_exported(digits_file)
    other = module.load_exported(digits_file)
    object.__setattr__(other.facts, "sha256", "0" * 64)
    monkeypatch.setattr(module, "load_exported", lambda path: other)
    with pytest.raises(ExportError, match=f"and {DIGITS} has {loaded.facts.sha256} here"):
        verify(digits_file)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + b"\0" * 18], ids=["empty", "text", "archive"])
def test_what_zoo_has_not_exported_is_refused(content, tmp_path):
    path = tmp_path / "other.pt2"
    path.write_bytes(content)
    with pytest.raises(ExportError, match=r"other\.pt2"):
        load_exported(path)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected a file that `zoo export` has written"):
        load_exported(tmp_path / "none.pt2")


def test_a_network_and_random_numbers_are_left_as_they_were(tmp_path):
    network = TinyNetwork()
    network.stem.eval()
    modes = {name: module.training for name, module in network.named_modules()}
    assert set(modes.values()) == {True, False}
    torch.manual_seed(7)
    before = torch.get_rng_state()
    exported = export(DIGITS, "pt2", tmp_path / "f.pt2", network=network)
    program = ClassificationProgram(network, get_weight("ShuffleNet_V2_X0_5_Digits_Weights.DEFAULT"))
    assert certify(program, exported).holds
    assert torch.equal(torch.get_rng_state(), before)
    assert {name: module.training for name, module in network.named_modules()} == modes


def test_a_network_that_is_trained_is_recorded_and_compared_as_it_is_evaluated(tmp_path):
    network = TinyNetwork()
    network.body.append(nn.Dropout(0.9))
    assert network.body[-1].training
    exported = export(DIGITS, "pt2", tmp_path / "f.pt2", network=network)  # compares, and raises what differs
    program = ClassificationProgram(network, get_weight("ShuffleNet_V2_X0_5_Digits_Weights.DEFAULT"))
    assert certify(program, exported).holds
    assert network.body[-1].training


class Echo(Runtime):
    """Gives its first input."""

    def run(self, inputs):
        return [inputs[0]]


def test_inputs_of_one_axis_have_one_length(tiny_file):
    pictures = tuple(TensorFact(name, "uint8", ("height", "width", 3)) for name in ("image1", "image2"))
    facts = replace(load_exported(tiny_file).facts, model="raft_small", inputs=pictures, outputs=pictures[:1])
    exported = Exported(tiny_file, Echo(facts))
    first = np.zeros((20, 30, 3), dtype=np.uint8)
    assert exported(first, first)["image1"].shape == (20, 30, 3)
    with pytest.raises(ExportError, match="raft_small takes inputs of one width: image1 has 30, and image2 has 31"):
        exported(first, np.zeros((20, 31, 3), dtype=np.uint8))


@pytest.mark.parametrize("model", [DIGITS, "quantized_resnet18", "r3d_18"])
@pytest.mark.parametrize(("to", "name"), [("pt2", "f.pt2"), ("executorch", "f.pte")])
def test_a_size_is_refused_where_the_network_alone_takes_one(model, to, name, tmp_path):
    with pytest.raises(ValueError, match=f"A size would do nothing: the network of {model} alone takes"):
        export(model, to, tmp_path / name, raw=True, size=(480, 640))
    with pytest.raises(ValueError, match=f"{model} has the axes batch, found height"):
        export(model, "pt2", tmp_path / "f.pt2", raw=True, fixed=["height"])


def test_an_option_is_refused_that_does_nothing_to_the_network_alone(tmp_path):
    with pytest.raises(ValueError, match="labels_at would do nothing"):
        export("fcn_resnet50", "pt2", tmp_path / "f.pt2", raw=True, labels_at="input")


def test_a_file_is_compared_with_the_weights_that_are_asked_for(tiny_file):
    for model in (DIGITS, None):
        with pytest.raises(KeyError, match="has no member 'DIGITS_V9'"):
            verify(tiny_file, model=model, weights="DIGITS_V9")
