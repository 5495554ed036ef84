"""Fixtures of the core's tests."""

import sys

import pytest

from core.example_package import write_package
from core.example_tasks import write_task_package
from core.tiny_weights import V1, V2, family_of, published
from servers import FileServer, HubServer
from zoo_core import _packages


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder where packages can be installed for one test."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    _packages.plug_ins.cache_clear()
    yield folder
    _packages.plug_ins.cache_clear()
    for module in set(sys.modules) - before:
        if module.partition(".")[0].endswith("_zoo"):
            del sys.modules[module]


@pytest.fixture
def install(site):
    """Install packages written by `write_package`, for one test."""

    def install_package(name="example_zoo", **kwargs):
        write_package(site, name, **kwargs)
        _packages.plug_ins.cache_clear()

    return install_package


@pytest.fixture
def install_tasks(site):
    """Install the package `light_zoo`, with tasks and a command of its own, for one test."""

    def install_package(**kwargs):
        write_task_package(site, **kwargs)
        _packages.plug_ins.cache_clear()

    return install_package


@pytest.fixture
def example(install):
    """The example package, installed and imported."""
    install()
    import example_zoo

    return example_zoo


@pytest.fixture
def upstream():
    """Where the tiny weights are published."""
    with FileServer() as server:
        yield server


@pytest.fixture
def tiny(install, upstream):
    """The package `example_zoo` with two entries, of whose files the catalogue knows a prefix and the full digest."""
    files = [published(V1, 1), published(V2, 2)]
    install(family=family_of(upstream, files))
    return files


@pytest.fixture
def hub(monkeypatch):
    """A Hub that takes the token which is set."""
    with HubServer(write_token="hf_write") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", "hf_write")
        yield server
