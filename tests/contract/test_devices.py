"""What `nox -s gpu` does runs here, too, on the CPU and in small: there may be no GPU for a long time."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import devices

CPU = torch.device("cpu")
SMALL = ["shufflenet_v2_x0_5", "lraspp_mobilenet_v3_large", "ssdlite320_mobilenet_v3_large"]


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "SECONDS", 0.0)
    monkeypatch.delenv("BENCHMARK_RESULTS", raising=False)


def test_models_agree_with_themselves_and_a_difference_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert devices.agreement(CPU, SMALL) == []
    printed = capsys.readouterr().out
    assert [name for name in SMALL if f"| {name} |" not in printed] == []
    assert "no:" not in printed
    monkeypatch.setattr(devices, "moved", lambda value, device, dtype: value + 1 if hasattr(value, "add_") else value)
    (problem,) = devices.agreement(CPU, SMALL[:1])
    assert problem.startswith("shufflenet_v2_x0_5: differs")


def test_operators_and_what_waits_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    devices.operators(CPU, counts=(100,))
    assert devices.waiting(CPU) == []
    printed = capsys.readouterr().out
    assert "| nms, 100 boxes |" in printed
    assert "| box_iou | no |" in printed


def test_models_are_loaded_to_the_device_both_ways(capsys: pytest.CaptureFixture[str]) -> None:
    devices.ready(CPU, ["shufflenet_v2_x0_5"])
    assert "| shufflenet_v2_x0_5 |" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_all_ways_of_running_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    devices.speed(CPU, ["shufflenet_v2_x0_5"], batches=(1,))
    printed = capsys.readouterr().out
    assert "| shufflenet_v2_x0_5 | 1 |" in printed
    assert "nan" not in printed


def test_a_part_that_fails_is_named_and_ends_nothing():
    failed: list[str] = []
    with devices.named(failed, "operators"):
        raise RuntimeError("no kernel")
    assert failed == ["operators: RuntimeError: no kernel"]
