"""The stand-in in place, and taken away afterwards."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import zoo_torchvision


@pytest.fixture(autouse=True)
def _taken_away() -> Iterator[None]:
    yield
    zoo_torchvision.uninstall()
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]


@pytest.fixture
def stand_in() -> None:
    assert zoo_torchvision.install(force=True)


@pytest.fixture
def torchvision_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a package named torchvision, made of the given code, before all others."""

    def write(code: str) -> None:
        folder = tmp_path / "site" / "torchvision"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(code)
        (folder / "extension.py").write_text("")
        monkeypatch.syspath_prepend(folder.parent)

    return write
