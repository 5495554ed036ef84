"""Loading: equal, bit by bit, to building, initialising and copying; and errors that name the tensors."""

import logging
from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from zoo_core.building import load_checkpoint
from zoo_core.checkpoints import read_state_dict
from zoo_core.errors import CheckpointError


class Network(nn.Module):
    """A network of each kind of state there is."""

    classifiers = ("fc",)

    def __init__(self, num_classes: int = 5) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.register_buffer("table", torch.arange(4))
        self.fc = nn.Linear(4, num_classes)


def trained() -> dict[str, Tensor]:
    torch.manual_seed(1)
    network = Network()
    network.norm.running_mean.normal_()
    network.norm.num_batches_tracked.fill_(7)
    return network.state_dict()


def write(state, path, form):
    if form == "safetensors":
        from safetensors.torch import save_file

        path = path.with_suffix(".safetensors")
        save_file(dict(state), path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=form == "zip")
    return path


@pytest.mark.parametrize("form", ["zip", "older", "safetensors"])
def test_loading_equals_load_state_dict_bit_by_bit(tmp_path, form):
    path = write(trained(), tmp_path / "file.pth", form)
    ours, plain = Network(), Network()
    load_checkpoint(ours, read_state_dict(path), source="test")
    plain.load_state_dict(trained())
    for (name, tensor), (other_name, other) in zip(ours.state_dict().items(), plain.state_dict().items(), strict=True):
        assert name == other_name
        assert (tensor.dtype, tensor.shape, tensor.stride()) == (other.dtype, other.shape, other.stride())
        assert torch.equal(tensor, other)
    assert [p.requires_grad for p in ours.parameters()] == [p.requires_grad for p in plain.parameters()]


def test_half_precision_file_gives_a_model_of_full_precision():
    half = OrderedDict((name, t.half() if t.is_floating_point() else t) for name, t in trained().items())
    network = Network()
    load_checkpoint(network, half, source="test")
    assert network.conv.weight.dtype == torch.float32
    assert torch.equal(network.conv.weight, trained()["conv.weight"].half().float())


def test_strided_tensors_become_contiguous():
    state = trained()
    state["conv.weight"] = state["conv.weight"].to(memory_format=torch.channels_last)
    network = Network()
    load_checkpoint(network, state, source="test")
    assert network.conv.weight.is_contiguous()


def test_frozen_parameters_stay_frozen():
    network = Network()
    network.conv.requires_grad_(False)
    load_checkpoint(network, trained(), source="test")
    assert [p.requires_grad for p in network.conv.parameters()] == [False, False]
    assert network.fc.weight.requires_grad


def test_changing_the_model_does_not_change_the_file(tmp_path):
    path = write(trained(), tmp_path / "file.pth", "zip")
    before = path.read_bytes()
    network = Network()
    load_checkpoint(network, read_state_dict(path), source="test")
    with torch.no_grad():
        network.conv.weight.zero_()
    assert path.read_bytes() == before


def test_classifier_of_another_size_stays_fresh_and_one_line_says_so(caplog):
    network = Network(num_classes=3)
    fresh = network.fc.weight.clone()
    with caplog.at_level(logging.WARNING, "zoo"):
        load_checkpoint(network, trained(), source="Some_Weights.V1")
    assert torch.equal(network.fc.weight, fresh)
    assert torch.equal(network.conv.weight, trained()["conv.weight"])
    (record,) = caplog.records
    assert "Some_Weights.V1" in record.message
    assert "fc.bias, fc.weight" in record.message


def test_auxiliary_modules_that_the_model_was_built_without_are_left_out():
    network = Network()
    network.auxiliaries = ("aux",)
    state = trained()
    state["aux.weight"] = torch.zeros(3)
    load_checkpoint(network, state, source="test")
    assert torch.equal(network.conv.weight, state["conv.weight"])


def test_file_without_batch_counts_loads_as_pytorch_loads_it():
    state = trained()
    del state["norm.num_batches_tracked"]
    del state._metadata
    network = Network()
    load_checkpoint(network, state, source="test")
    assert network.norm.num_batches_tracked.item() == 0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda state: state.pop("conv.bias"), "missing conv.bias"),
        (lambda state: state.update({"other.weight": torch.zeros(1)}), "unexpected other.weight"),
        (lambda state: state.update({"conv.weight": torch.zeros(4, 3, 5, 5)}), "size mismatch for conv.weight"),
        (lambda state: state.pop("fc.weight"), "missing fc.weight"),
    ],
    ids=["missing", "unexpected", "shape", "classifier missing"],
)
def test_what_does_not_fit_is_an_error_that_names_the_tensor(change, named):
    state = trained()
    change(state)
    with pytest.raises(CheckpointError, match=named):
        load_checkpoint(Network(), state, source="test")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 but no archive", b"no checkpoint at all", b"\x80\x02}q\x00."])
def test_file_that_is_no_checkpoint_is_an_error_that_names_it(tmp_path, content):
    path = tmp_path / "file.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"file\.pth"):
        read_state_dict(path)


def test_pickle_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "written by the pickle"), "w"))

    path = tmp_path / "evil.pth"
    torch.save({"weight": Evil()}, path)
    with pytest.raises(CheckpointError, match=r"evil\.pth"):
        read_state_dict(path)
    assert not (tmp_path / "written by the pickle").exists()


def test_broken_safetensors_file_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "file.safetensors"
    path.write_bytes(b"\xff" * 64)
    with pytest.raises(CheckpointError, match=r"file\.safetensors"):
        read_state_dict(path)
