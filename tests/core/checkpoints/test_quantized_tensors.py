"""Int8 tensors of files, as integers with scales."""

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from core.checkpoints.test_hostile_files import archive, group, name, number, state, storage, tensor
from zoo_core.checkpoints import QuantizedTensor, quiet_quantization, read_state_dict
from zoo_core.errors import CheckpointError

pytestmark = pytest.mark.skipif(not hasattr(torch, "qint8"), reason="this torch cannot write such files")


def per_channel(axis: int = 0) -> Tensor:
    with quiet_quantization():
        scales = torch.tensor([0.5, 0.25, 0.125], dtype=torch.float64)
        zero_points = torch.tensor([0, 1, -2])
        return torch.quantize_per_channel(
            torch.randn(3, 3, generator=torch.Generator()), scales, zero_points, axis, torch.qint8
        )


def per_tensor() -> Tensor:
    with quiet_quantization():
        return torch.quantize_per_tensor(torch.arange(4.0), 0.5, 3, torch.qint8)


def written(path: Path, value: object, form: str = "zip") -> Path:
    with quiet_quantization():
        torch.save(value, path, _use_new_zipfile_serialization=form == "zip")
    return path


def assert_same(found: QuantizedTensor, expected: Tensor) -> None:
    integers, scales, zero_points = QuantizedTensor.of(expected)
    assert (found.integers.dtype, found.scales.dtype) == (torch.int8, torch.float64)
    assert all(map(torch.equal, found, (integers, scales, zero_points)))


@pytest.mark.parametrize("mapped", ["0", "1"])
@pytest.mark.parametrize("form", ["zip", "older"])
def test_tensors_of_qint8_are_read_as_integers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, mapped: str
) -> None:
    monkeypatch.setenv("ZOO_MMAP", mapped)
    bias = torch.randn(3)
    path = written(
        tmp_path / "a.pth", {"a": per_channel(), "b": (per_tensor(), bias), "c": torch.qint8, "d": bias}, form
    )
    found: Any = read_state_dict(path, as_integers=True)
    assert_same(found["a"], per_channel())
    assert_same(found["b"][0], per_tensor())
    assert torch.equal(found["b"][1], bias)
    assert found["c"] is torch.int8
    assert torch.equal(found["d"], bias)


def test_values_are_integers_times_scales() -> None:
    integers, scales, zero_points = QuantizedTensor.of(per_channel())
    numbers = (integers - zero_points[:, None]) * scales[:, None]
    assert torch.equal(numbers.float(), per_channel().dequantize())


def test_scales_along_another_axis_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="first axis, found axis 1"):
        QuantizedTensor.of(per_channel(axis=1))
    with pytest.raises(CheckpointError, match="first axis, found axis 1"):
        read_state_dict(written(tmp_path / "a.pth", {"a": per_channel(axis=1)}), as_integers=True)


@pytest.mark.parametrize("value", [torch.ones(2), torch.ones(2, dtype=torch.int8)])
def test_other_tensors_are_not_taken_apart(value: Tensor) -> None:
    with pytest.raises(ValueError, match=r"expected a tensor of torch\.qint8, found torch\."):
        QuantizedTensor.of(value)


def of_scheme(scheme: bytes, size: int = 16, kind: str = "QInt8Storage", offset: int = 0) -> bytes:
    hooks = name("collections", "OrderedDict") + b")R"
    place = (storage("0", 16, kind=kind), number(offset), group(number(size)), group(number(1)))
    return name("torch._utils", "_rebuild_qtensor") + group(*place, scheme, b"\x89", hooks) + b"R"


WHOLE = group(name("torch", "per_tensor_affine"), b"G" + bytes(8), number(0))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (of_scheme(WHOLE, size=17), "more values than its storage"),
        (of_scheme(WHOLE, size=10**12), "more values than its storage"),
        (of_scheme(WHOLE, offset=1), "more values than its storage"),
        (of_scheme(WHOLE, size=-1), "more values than its storage"),
        (of_scheme(WHOLE, size=4, kind="FloatStorage"), "another type than int8"),
        (of_scheme(group(name("torch", "per_tensor_symmetric"))), "of which no int8 state is made"),
        (of_scheme(group(name("torch", "float32"), number(0), number(0))), "has the scheme torch.float32"),
        (
            of_scheme(group(name("torch", "per_channel_affine"), *2 * (tensor(storage("0", 4), (4,)),), number(0))),
            "scales of another shape",
        ),
        (of_scheme(WHOLE) + name("torch._utils", "_rebuild_qtensor") + b"}" + b"b", "changes what it calls"),
    ],
)
def test_what_is_none_is_refused(tmp_path: Path, value: bytes, message: str) -> None:
    path = archive(tmp_path / "a.pth", state(("weight", value)))
    with pytest.raises(CheckpointError, match=message):
        read_state_dict(path, as_integers=True)


def test_a_program_beside_good_tensors_is_refused(tmp_path: Path) -> None:
    good = state(("weight", tensor(storage("0", 4), (4,))))
    path = archive(tmp_path / "a.pth", good, more=(("a/constants.pkl", b"\x80\x02)."),))
    with pytest.raises(CheckpointError, match="program of TorchScript"):
        read_state_dict(path, as_integers=True)


def test_tar_archives_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo_core.checkpoints._read.check_pickles", lambda file: None)
    with tarfile.open(tmp_path / "a.pth", "w") as file:
        file.addfile(tarfile.TarInfo("storages"), io.BytesIO())
    with pytest.raises(CheckpointError, match="a tar archive"):
        read_state_dict(tmp_path / "a.pth", as_integers=True)
