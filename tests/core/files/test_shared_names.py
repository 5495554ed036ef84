"""Files of different publishers that have the same name are kept apart."""

import hashlib

import pytest

from core.example_package import FAMILY
from servers import FileServer
from zoo_core import get_weight
from zoo_core.errors import WeightsUnavailableError
from zoo_core.files import Digest, Settings, file_of_url, quarantined, resolve

ONE, TWO = b"the first one's weights", b"the second one's weights"


def full(content: bytes) -> Digest:
    return Digest(hashlib.sha256(content).hexdigest())


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr("zoo_core.files._resolve.PAUSES", ())
    monkeypatch.setenv("ZOO_MIRRORS", "")


@pytest.fixture
def server():
    with FileServer({"/one/model.pth": ONE, "/two/model.pth": TWO}) as running:
        yield running


def test_two_plug_ins_with_a_file_of_one_name_get_each_its_own(install, server):
    for name in ("one", "two"):
        entry = {"url": f"{server.url}/{name}/model.pth", "transforms": {"preset": "ImageClassification"}, "meta": {}}
        models = {name: {"weights": f"{name.title()}_Weights", "builder": "plain"}}
        code = (
            "from enum import auto\nfrom zoo_core import WeightsEnum\ndef plain(): ...\n"
            f"class {name.title()}_Weights(WeightsEnum):\n    V1 = auto()\n    DEFAULT = V1\n"
            f"    _path = lambda self: __file__.replace('__init__.py', 'catalogue/tiny.json')"
        )
        install(
            f"{name}_zoo",
            family=FAMILY | {"models": models, "weights": {f"{name.title()}_Weights": {"V1": entry}}},
            code=code,
        )
    for _ in range(2):
        found = [resolve(get_weight(f"{name}_Weights.V1").file, progress=False) for name in ("One", "Two")]
        assert [file.path.read_bytes() for file in found] == [ONE, TWO]
    assert len(server.requests) == 2


@pytest.mark.parametrize("digests", [(None, None), (full(ONE), full(TWO)), (full(ONE), None), (None, full(TWO))])
def test_files_of_one_name_are_fetched_once_each(server, digests):
    one, two = (
        file_of_url(f"{name.title()}.V1", f"{server.url}/{name}/model.pth", digest)
        for name, digest in zip(("one", "two"), digests, strict=True)
    )
    for _ in range(2):
        assert resolve(one, progress=False).path.read_bytes() == ONE
        assert resolve(two, progress=False).path.read_bytes() == TWO
    assert len(server.requests) == 2
    assert not list(quarantined(Settings.from_environment()))


def test_file_under_the_published_name_is_used_if_its_digest_is_right_and_else_left_alone(server):
    folder = Settings.from_environment().checkpoints
    folder.mkdir(parents=True)
    (folder / "model.pth").write_bytes(ONE)
    right = resolve(file_of_url("One.V1", f"{server.url}/one/model.pth", full(ONE)), progress=False)
    assert right.path == folder / "model.pth"
    assert not server.requests
    other = resolve(file_of_url("Two.V1", f"{server.url}/two/model.pth", full(TWO)), progress=False)
    assert other.path.read_bytes() == TWO
    unknown = resolve(file_of_url("Two.V2", f"{server.url}/two/model.pth"), progress=False)
    assert unknown.path.read_bytes() == TWO
    assert (folder / "model.pth").read_bytes() == ONE


@pytest.mark.parametrize("variable", ["ZOO_WEIGHTS_PATH", "ZOO_MIRRORS"])
def test_folder_s_file_of_a_common_name_stands_for_no_file_without_a_digest(monkeypatch, tmp_path, variable, server):
    (tmp_path / "model.pth").write_bytes(ONE)
    monkeypatch.setenv(variable, str(tmp_path))
    file = file_of_url("Two.V1", f"{server.url}/two/model.pth")
    assert resolve(file, progress=False).path.read_bytes() == TWO


def test_file_copied_from_a_cache_is_found_in_another_folder(monkeypatch, tmp_path, server):
    file = file_of_url("One.V1", f"{server.url}/one/model.pth")
    found = resolve(file, progress=False).path.rename(tmp_path / file.name_in_cache)
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(WeightsUnavailableError):
        resolve(file, progress=False)
    monkeypatch.setenv("ZOO_WEIGHTS_PATH", str(tmp_path))
    assert resolve(file, progress=False).path == found


def test_published_names_with_digits_are_kept_as_torchvision_keeps_them():
    file = file_of_url("ResNet50_Weights.IMAGENET1K_V2", "https://host/resnet50-11ad3fa6.pth")
    assert file.name_in_cache == file.name == "resnet50-11ad3fa6.pth"
