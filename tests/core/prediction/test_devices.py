"""Devices that are not there, or that nobody has: one line says which there are."""

import pytest
import torch

from zoo_core.prediction import available_devices, find_device, load_predictor

DIGITS = "shufflenet_v2_x0_5_digits"


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that seems to have two of them."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.parametrize("name", ["", "cuda:", "cuda:-1", "cuda 1", "CUDA", "cuda:1:2", "\x1b[2J", "cpu:1"])
def test_names_that_no_device_has_are_refused_without_torch(name: str) -> None:
    with pytest.raises(ValueError, match="found"):
        load_predictor(DIGITS, device=name)


def test_kinds_that_torch_does_not_know_are_wrong_values(no_gpu: None) -> None:
    with pytest.raises(ValueError, match=r"^Torch knows no device 'xyz': this machine has cpu\.$"):
        load_predictor(DIGITS, device="xyz")


@pytest.mark.parametrize("name", ["cuda", "cuda:5", "mps", "meta", "xpu"])
def test_devices_that_are_not_there_are_told_from_those_that_are(no_gpu: None, name: str) -> None:
    with pytest.raises(RuntimeError, match=f"^There is no device '{name}' here: this machine has cpu"):
        load_predictor(DIGITS, device=name)


def test_a_number_that_is_too_high_is_told_the_right_ones(two_gpus: None) -> None:
    assert available_devices() == ("cpu", "cuda:0", "cuda:1")
    assert [find_device(name) for name in ("cpu:0", "cuda", "cuda:1")] == [
        torch.device("cpu", 0),
        torch.device("cuda"),
        torch.device("cuda", 1),
    ]
    with pytest.raises(RuntimeError, match=r"no device 'cuda:2' here: this machine has cpu, cuda:0, cuda:1\."):
        find_device("cuda:2")


def test_a_device_of_torch_s_is_taken_like_its_name() -> None:
    assert load_predictor(DIGITS, device=torch.device("cpu")).device == torch.device("cpu")  # type: ignore[arg-type, attr-defined]
