"""Safetensors twins: bit by bit what the checkpoint holds, or none."""

import json
import os
from collections import OrderedDict

import pytest
import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from zoo_core.building import load_checkpoint
from zoo_core.checkpoints import read_state_dict
from zoo_core.errors import CheckpointError
from zoo_core.mirrors import write_twin


def bits(tensor):
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).tolist()


def save(path, state, *, as_zip=True):
    torch.save(state, path / "model.pth", _use_new_zipfile_serialization=as_zip)
    return path / "model.pth"


def state_of_every_kind():
    shared = torch.arange(12, dtype=torch.float32)
    return OrderedDict(
        {
            "z.weight": torch.tensor([0.0, -0.0, float("nan"), float("inf"), 1e-45]),
            "half": torch.randn(3, 2).half(),
            "bfloat16": torch.randn(3).bfloat16(),
            "channels_last": torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
            "transposed": torch.randn(3, 4).t(),
            "view": shared[2:5],
            "overlapping": shared[4:8],
            "tied": (tied := torch.randn(4)),
            "tied again": tied,
            "expanded": torch.ones(1).expand(5),
            "scalar": torch.tensor(7),
            "empty": torch.zeros(0, 3),
            "flag": torch.tensor([True, False]),
            "parameter": nn.Parameter(torch.randn(2)),
            "a.first_in_the_alphabet": torch.zeros(1, dtype=torch.float64),
        }
    )


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "older form"])
def test_twin_holds_the_same_bits_under_the_same_names_in_the_same_order(tmp_path, as_zip):
    path = save(tmp_path, state_of_every_kind(), as_zip=as_zip)
    assert write_twin(path, tmp_path / "model.safetensors") is None
    original, twin = read_state_dict(path), read_state_dict(tmp_path / "model.safetensors")
    assert list(twin) == list(original)
    for name, tensor in original.items():
        assert (twin[name].dtype, twin[name].shape) == (tensor.dtype, tensor.shape)
        assert bits(twin[name]) == bits(tensor), name


@pytest.mark.parametrize(
    ("location", "device"),
    [
        (None, "cpu"),
        ("meta", "meta"),
        ({"cuda:0": "cpu"}, "cpu"),
        ({"cpu": "meta"}, "meta"),
        (lambda storage, _location: storage, "cpu"),
        (lambda storage, _location: None, "cpu"),
    ],
)
def test_every_map_location_of_torch_does_for_a_twin_what_it_does_for_the_original(tmp_path, location, device):
    path = save(tmp_path, {"a": torch.ones(2)})
    write_twin(path, tmp_path / "model.safetensors")
    for file in (path, tmp_path / "model.safetensors"):
        assert read_state_dict(file, map_location=location)["a"].device.type == device


def test_full_disk_is_an_error_of_the_system_and_leaves_nothing(tmp_path, monkeypatch):
    def save_file(_state, path, **_more):
        path.write_bytes(b"half a file")
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("safetensors.torch.save_file", save_file)
    with pytest.raises(OSError, match=r"model\.safetensors cannot be written: .*No space left"):
        write_twin(save(tmp_path, {"a": torch.ones(2)}), tmp_path / "model.safetensors")
    assert not (tmp_path / "model.safetensors").exists()


def test_same_checkpoint_gives_the_same_bytes(tmp_path):
    path = save(tmp_path, nn.BatchNorm2d(3).state_dict())
    write_twin(path, tmp_path / "1.safetensors")
    write_twin(path, tmp_path / "2.safetensors")
    assert (tmp_path / "1.safetensors").read_bytes() == (tmp_path / "2.safetensors").read_bytes()


def test_versions_of_modules_are_restored(tmp_path):
    """A version decides what load_state_dict does with a file: old batch norms lack num_batches_tracked."""
    path = save(tmp_path, nn.Sequential(nn.BatchNorm2d(3)).state_dict())
    write_twin(path, tmp_path / "twin.safetensors")
    twin = read_state_dict(tmp_path / "twin.safetensors")
    assert twin._metadata == read_state_dict(path)._metadata
    assert twin._metadata["0"] == {"version": 2}


def test_model_from_the_twin_is_the_model_from_the_checkpoint(tmp_path):
    path = save(tmp_path, nn.Linear(3, 2).state_dict())
    write_twin(path, tmp_path / "twin.safetensors")
    models = [nn.Linear(3, 2), nn.Linear(3, 2)]
    for model, source in zip(models, [path, tmp_path / "twin.safetensors"], strict=True):
        load_checkpoint(model, read_state_dict(source), source="it")
    first, second = (dict(model.named_parameters()) for model in models)
    assert {name: bits(value) for name, value in first.items()} == {name: bits(value) for name, value in second.items()}
    assert {value.requires_grad for value in second.values()} == {True}


@pytest.mark.filterwarnings("ignore:.*deprecated")
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), "quantized"),
        (lambda: (1, 2), "tuple"),
        (lambda: torch.zeros(2, dtype=torch.complex128), "complex128"),
    ],
    ids=["quantized", "no tensor", "unknown dtype"],
)
def test_what_the_form_cannot_hold_gets_no_twin_and_a_reason(tmp_path, make, reason):
    path = save(tmp_path, {"weight": torch.ones(1), "odd": make()})
    assert reason in str(write_twin(path, tmp_path / "twin.safetensors"))
    assert not (tmp_path / "twin.safetensors").exists()


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_twin_may_be_read_by_whom_any_new_file_may_be_read(tmp_path):
    torch.save({"weight": torch.ones(3)}, tmp_path / "some.pth")
    assert write_twin(tmp_path / "some.pth", tmp_path / "twin.safetensors") is None
    (tmp_path / "new").touch()
    assert (tmp_path / "twin.safetensors").stat().st_mode == (tmp_path / "new").stat().st_mode


def test_twin_that_came_out_wrong_is_not_left_behind(tmp_path, monkeypatch):
    path = save(tmp_path, {"weight": torch.ones(3)})
    monkeypatch.setattr("zoo_core.checkpoints._write._separate", lambda state: {"weight": torch.zeros(3)}.items())
    with pytest.raises(RuntimeError, match="does not hold the tensors that were written"):
        write_twin(path, tmp_path / "twin.safetensors")
    assert not (tmp_path / "twin.safetensors").exists()


@pytest.mark.parametrize("facts", ["{", "{}", '{"names": ["other"]}', '{"names": [1]}'])
def test_metadata_that_does_not_fit_is_an_error(tmp_path, facts):
    from safetensors.torch import save_file

    save_file({"weight": torch.ones(1)}, tmp_path / "a.safetensors", metadata={"zoo": facts})
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_state_dict(tmp_path / "a.safetensors")


def test_metadata_has_one_member(tmp_path):
    """The format's library writes several in an order that differs from run to run."""
    write_twin(save(tmp_path, {"weight": torch.ones(1)}), tmp_path / "a.safetensors")
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        assert json.loads(file.metadata()["zoo"]) == {"names": ["weight"], "versions": None}
        assert len(file.metadata()) == 1
