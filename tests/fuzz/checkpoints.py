"""Damaged checkpoints in each form: ordinary tensors by name, or a CheckpointError."""

import random
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from zoo_core.checkpoints import read_state_dict
from zoo_core.errors import CheckpointError

from .mutations import Report, fuzz, mutated


def seeds(folder: Path) -> dict[str, bytes]:
    """Return a small state in each form."""
    state = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2)).state_dict()
    torch.save(state, folder / "a.pth")
    torch.save(state, folder / "b.pth", _use_new_zipfile_serialization=False)
    return {
        "zip": (folder / "a.pth").read_bytes(),
        "older": (folder / "b.pth").read_bytes(),
        "safetensors": save(dict(state)),
    }


def files(folder: Path, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield damaged files: as a whole, or archives whose pickle is damaged and all else right."""
    rng = random.Random(seed)
    whole = seeds(folder)
    with zipfile.ZipFile(folder / "a.pth") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    (pickle,) = (name for name in members if name.endswith("data.pkl"))
    while True:
        form = rng.choice(["pickle", *whole])
        if form != "pickle":
            yield form, mutated([whole[form]], rng)
            continue
        with zipfile.ZipFile(folder / "c.pth", "w") as archive:
            for name, data in members.items():
                archive.writestr(name, mutated([data], rng) if name == pickle else data)
        yield "zip", (folder / "c.pth").read_bytes()


def run(seconds: float, seed: int) -> Report:
    """Read damaged checkpoints for a time."""
    with tempfile.TemporaryDirectory() as temporary, warnings.catch_warnings():
        warnings.simplefilter("error")
        folder = Path(temporary)
        paths = {
            form: folder / f"damaged.{'safetensors' if form == 'safetensors' else 'pth'}" for form in seeds(folder)
        }
        damaged = files(folder, seed)
        forms: list[str] = []

        def contents() -> Iterator[bytes]:
            for form, data in damaged:
                forms[:] = [form]
                yield data

        def read(data: bytes) -> None:
            path = paths[forms[0]]
            path.write_bytes(data)
            for name, value in read_state_dict(path).items():
                assert isinstance(name, str)
                if isinstance(value, Tensor):
                    value.detach().clone().sum()  # every byte of it is there

        return fuzz(read, contents(), seconds=seconds, refusals=CheckpointError)
