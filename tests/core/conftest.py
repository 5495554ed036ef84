"""Fixtures of the core's tests."""

import sys

import pytest

from core.example_package import write_package
from zoo_core import _packages


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install packages written by `write_package`, for one test."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)

    def install_package(name="example_zoo", **kwargs):
        write_package(folder, name, **kwargs)
        _packages.plug_ins.cache_clear()

    yield install_package
    _packages.plug_ins.cache_clear()
    for module in set(sys.modules) - before:
        if module.partition(".")[0].endswith("_zoo"):
            del sys.modules[module]


@pytest.fixture
def example(install):
    """The example package, installed and imported."""
    install()
    import example_zoo

    return example_zoo
