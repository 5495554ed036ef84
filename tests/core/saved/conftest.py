"""A small trained model, and its folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from zoo_core import get_model, save_model
from zoo_core.files import FileFact, Manifest, sha256_of

CATEGORIES = ["circle", "square", "star"]
DIGITS = "shufflenet_v2_x0_5_digits"


@pytest.fixture
def trained() -> nn.Module:
    """A model of three classes, whose weights are its own."""
    torch.manual_seed(0)
    model = get_model(DIGITS, weights="DEFAULT", num_classes=3)
    with torch.no_grad():
        for value in (*model.parameters(), *model.buffers()):
            if value.is_floating_point():
                value.add_(torch.rand_like(value) * 0.01)
    return model.eval()


@pytest.fixture
def folder(trained: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder `shapes` with that model, in the current folder."""
    monkeypatch.chdir(tmp_path)
    save_model(trained, "shapes", categories=CATEGORIES, license="MIT", metrics={"Shapes": {"acc@1": 75.0}})
    return Path("shapes")


@pytest.fixture
def rewrite(folder: Path) -> Callable[..., None]:
    """Change facts of the `config.json`, with a manifest that states the new file."""

    def change(content: bytes | None = None, **facts: Any) -> None:
        document = json.loads((folder / "config.json").read_bytes())
        (folder / "config.json").write_bytes(json.dumps(document | facts).encode() if content is None else content)
        state_files(folder)

    return change


def state_files(folder: Path) -> None:
    """Write the manifest that somebody would write who has changed files."""
    names = ("config.json", "model.safetensors")
    files = {name: FileFact(sha256_of(folder / name), (folder / name).stat().st_size) for name in names}
    (folder / "manifest.json").write_bytes(Manifest(files).to_json())


def same(one: Any, other: Any) -> bool:
    """Tell whether two outputs are equal bit by bit."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one.nan_to_num(), other.nan_to_num())
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return len(one) == len(other) and all(map(same, one, other))
