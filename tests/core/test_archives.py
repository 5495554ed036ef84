"""zoo out of an archive on `sys.path`, as programs in one file have it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from zoo_core import _resources, list_models
from zoo_core._built_in import BUILT_IN
from zoo_core.stubs import attach_stub

SOURCES = sorted(Path(__file__).parents[2].glob("packages/*/src"))


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("packed") / "packages.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for source in SOURCES:
            for file in sorted(source.rglob("*.*")):
                if file.is_file() and "__pycache__" not in file.parts:
                    packed.write(file, file.relative_to(source))
    return path


def run(archive, code):
    script = f"import sys; sys.path.insert(0, {str(archive)!r})\n{code}"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_models_are_listed_described_and_built_out_of_an_archive(archive):
    code = """
import zoo_core
assert zoo_core.__file__.startswith(sys.path[0])
models = zoo_core.list_models()
assert len(zoo_core.get_weight("FCN_ResNet50_Weights.DEFAULT").meta["categories"]) == 21  # those of another package
assert zoo_core.list_weights(task="video")
import zoo_torchvision; zoo_torchvision.install(force=True); import torchvision.models.detection
assert "torch" not in sys.modules
import torch
assert zoo_core.get_model("squeezenet1_1").eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 1000)
print(*models)
"""
    assert {name for module in BUILT_IN for name in list_models(module)} <= set(run(archive, code))


def test_weights_in_an_archive_are_refused_with_what_to_do(archive):
    code = """
import zoo_digits
from zoo_core.errors import WeightsUnavailableError
from zoo_core.files import resolve
try:
    resolve(zoo_digits.ShuffleNet_V2_X0_5_Digits_Weights.DEFAULT.file)
except WeightsUnavailableError as error:
    print(error)
"""
    assert "unpack it to a folder" in " ".join(run(archive, code))


def test_a_package_without_its_stub_says_what_was_not_packed(tmp_path):
    path = tmp_path / "packages.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for file in ("__init__.py", "stubs.py"):
            packed.write(SOURCES[1] / "zoo_core" / file, f"zoo_core/{file}")
    code = "try:\n    import zoo_core\nexcept ValueError as error:\n    print(error)"
    assert "zoo_core was packed without its stub" in " ".join(run(path, code))


def test_a_stub_in_an_archive_with_other_imports_is_refused(tmp_path):
    path = tmp_path / "packages.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("odd/__init__.py", "from zoo_core.stubs import attach_stub\nattach_stub(__name__, __file__)")
        packed.writestr("odd/__init__.pyi", "from os.path import join as join")
    folders = [str(source) for source in SOURCES]
    code = f"sys.path[1:1] = {folders!r}\ntry:\n    import odd\nexcept ValueError as error:\n    print(error)"
    assert "'from os.path import join as join'" in " ".join(run(path, code))


def test_files_of_folders_and_archives_are_read_alike(archive, tmp_path):
    folder = SOURCES[0] / "zoo_classification" / "catalogue"
    packed = f"{archive}/zoo_classification/catalogue"
    listed = [name for name in _resources.list_folder(str(folder)) if name != "__pycache__"]
    assert _resources.list_folder(packed) == listed
    assert _resources.is_folder(packed)
    assert _resources.is_file(f"{packed}/resnet.json")
    assert _resources.read_text(f"{packed}/resnet.json") == (folder / "resnet.json").read_text(encoding="utf-8")


def test_what_is_not_in_an_archive_is_not_there(archive, tmp_path):
    (tmp_path / "text.txt").write_text("no archive")
    for path in (f"{archive}/no/such.json", f"{tmp_path}/no/such.json", f"{tmp_path}/text.txt/such.json", "such.json"):
        assert not _resources.is_file(path)
        assert not _resources.is_folder(path)
        with pytest.raises(OSError, match=r"such\.json"):
            _resources.read_text(path)


def test_names_come_from_the_stub():
    import zoo_core

    _, listed, names = attach_stub("zoo_core", str(zoo_core.__file__))
    assert set(names) == set(listed()) == set(zoo_core.__all__)
