"""The certificate: what it says, and the faults that it finds."""

import json
from dataclasses import replace

import pytest
import torch

from zoo_core import get_weight
from zoo_export import Certificate, CertificateError, _export, _resize, certify, export
from zoo_export._export import program_class
from zoo_export.certificate import Compared, certificate_path
from zoo_export.programs.classification import ClassificationProgram

from .makers import DIGITS, TinyNetwork
from .tiny import segmenter, spread


def test_a_certificate_lies_beside_the_file_and_says_what_was_compared(tiny_file):
    found = Certificate.read(certificate_path(tiny_file))
    assert found.holds
    assert len(found.inputs) >= 16
    told = " ".join(each.what for each in found.inputs)
    assert [name for name in ("noise", "waves", "black", "white", "many things", "digits") if name not in told] == []
    assert found.difference <= found.tolerance == 1e-3
    assert found.bytes == tiny_file.stat().st_size
    assert set(found.latency) == {"eager", "exported"}
    assert {"torch", "zoo-export"} <= set(found.versions)


def test_a_certificate_can_be_read_by_machines(tiny_file):
    document = json.loads(certificate_path(tiny_file).read_text())
    assert document["holds"] is True
    assert document["model"] == DIGITS
    assert document["difference"] == max(each["difference"] for each in document["inputs"])


def test_an_input_agrees_that_means_the_same_and_is_within_the_tolerance(tiny_file):
    found = replace(Certificate.read(certificate_path(tiny_file)), tolerance=0.1)
    right, far, other = Compared("a", 0.02, True), Compared("b", 0.5, True), Compared("c", 0.0, False)
    assert replace(found, inputs=(right, right)).holds
    for wrong in (far, other):
        judged = replace(found, inputs=(right, wrong, right))
        assert not judged.holds
        assert judged.summary().startswith("2 of 3 inputs agree")


def test_a_tolerance_decides_what_is_the_same_in_every_task(tmp_path):
    network = spread(segmenter)
    exported = export("lraspp_mobilenet_v3_large", "pt2", tmp_path / "f.pt2", network=network, certificate=False)
    program = program_class("lraspp_mobilenet_v3_large")(
        network, get_weight("LRASPP_MobileNet_V3_Large_Weights.DEFAULT")
    )
    reference = program.reference

    def with_another_pixel(inputs):
        (labels,) = reference(inputs)
        labels = labels.clone()
        labels[0, 0, 0] += 1
        return (labels,)

    program.reference = with_another_pixel
    assert not certify(program, exported, tolerance=1e-9).holds
    assert certify(program, exported, tolerance=0.5).holds


class WrongMean(ClassificationProgram):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.mean += 0.1


class SwappedChannels(ClassificationProgram):
    def forward(self, images):
        return super().forward(images.flip(-1))


class NoAntialias(ClassificationProgram):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.resize.antialias = False


class WrongSize(ClassificationProgram):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.resize.resize_size = [60]


class WrongInterpolation(ClassificationProgram):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.resize.interpolation = "bicubic"


class DroppedClass(ClassificationProgram):
    def forward(self, images):
        return (super().forward(images)[0][:, :-1],)


class NoSoftmax(ClassificationProgram):
    def forward(self, images):
        return (super().forward(images)[0].log(),)


def failure_of(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(_export, "program_class", lambda model: kind)
    with pytest.raises(CertificateError) as error:
        export(DIGITS, "pt2", tmp_path / "faulty.pt2", network=TinyNetwork())
    assert list(tmp_path.iterdir()) == []
    return str(error.value)


@pytest.mark.parametrize("kind", [WrongMean, SwappedChannels, NoAntialias, WrongSize, WrongInterpolation])
def test_a_fault_in_the_preprocessing_is_found_and_told(kind, tmp_path, monkeypatch):
    assert "what the network gets differs by" in failure_of(kind, tmp_path, monkeypatch)


@pytest.mark.parametrize("kind", [DroppedClass, NoSoftmax])
def test_a_fault_in_the_results_is_found_and_told(kind, tmp_path, monkeypatch):
    assert "the network agrees up to head; what is made of its outputs differs" in failure_of(
        kind, tmp_path, monkeypatch
    )


def test_sizes_that_are_rounded_up_are_found(tmp_path, monkeypatch):
    def ceiled(dividend, divisor):
        return -torch.div(-dividend, divisor, rounding_mode="floor")

    monkeypatch.setattr(_resize, "_floor", ceiled)
    assert "what the network gets differs by" in failure_of(ClassificationProgram, tmp_path, monkeypatch)


def test_a_fault_in_the_network_is_found_between_neighbouring_modules(tmp_path, monkeypatch):
    def spoiled(network, precision):
        if isinstance(network, TinyNetwork):
            network = TinyNetwork().eval()
            network.body[1].weight.data *= 1.5
        return network

    monkeypatch.setattr(_export, "in_precision", spoiled)
    told = failure_of(ClassificationProgram, tmp_path, monkeypatch)
    assert "body.1 differs by" in told
    assert "body.0 before it agrees" in told
