"""Fixtures of the tests of training."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shapes_dataset import write_shapes
from training.colours import write_colours
from zoo_core import _packages


@pytest.fixture
def shapes_models(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the package `zoo_shapes` for one test: small detectors for drawn shapes."""
    monkeypatch.syspath_prepend(Path(__file__).parent / "shapes_package")
    _packages.plug_ins.cache_clear()
    yield
    _packages.plug_ins.cache_clear()


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six scenes of drawn shapes to train with, and three to measure with."""
    root = tmp_path_factory.mktemp("shapes")
    write_shapes(root, scenes=6, held_out=3)
    return root


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each of three colours, with four noisy images."""
    return write_colours(tmp_path_factory.mktemp("data") / "colours", 4)
