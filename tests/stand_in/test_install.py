"""When the stand-in is put in torchvision's place, and what it says of itself."""

import importlib.metadata
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec

import pytest

import zoo_torchvision

WORKING = "__version__ = '9.9'\nfrom . import extension"
BROKEN = "from . import extension\nraise RuntimeError('operator torchvision::nms does not exist')"


def finders():
    return [finder for finder in sys.meta_path if type(finder).__module__.startswith("zoo_torchvision")]


def test_a_torchvision_that_works_is_left_in_place(torchvision_of):
    torchvision_of(WORKING)
    assert not zoo_torchvision.install()
    assert import_module("torchvision").__version__ == "9.9"
    assert not zoo_torchvision.is_installed()


@pytest.mark.parametrize("code", [BROKEN, "import no_such_module", "raise OSError('libcudart.so.11')", ""])
def test_a_torchvision_that_does_not_work_is_replaced(torchvision_of, code):
    torchvision_of(code)
    assert zoo_torchvision.install()
    assert import_module("torchvision.ops").nms.__module__.startswith("zoo_detection")
    assert import_module("torchvision").__version__ == "0.28.0+zoo"


def test_what_a_broken_torchvision_left_behind_is_not_found(torchvision_of):
    torchvision_of(BROKEN)
    zoo_torchvision.install()
    with pytest.raises(ModuleNotFoundError, match=r"torchvision\.extension is not here"):
        import_module("torchvision.extension")


def test_an_absent_torchvision_is_stood_in_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)  # as where it is not installed
    assert zoo_torchvision.install()
    assert zoo_torchvision.is_installed()
    assert find_spec("torchvision.ops") is not None


def test_forced_it_replaces_one_that_works_until_it_is_taken_away(torchvision_of):
    torchvision_of(WORKING)
    real = import_module("torchvision")
    assert zoo_torchvision.install(force=True)
    assert import_module("torchvision").__version__ == "0.28.0+zoo"
    assert zoo_torchvision.uninstall()
    assert import_module("torchvision") is real
    assert import_module("torchvision.extension") is real.extension


def test_installing_again_changes_nothing():
    zoo_torchvision.install(force=True)
    module = import_module("torchvision.models")
    assert zoo_torchvision.install()
    assert zoo_torchvision.install(force=True)
    assert len(finders()) == 1
    assert import_module("torchvision.models") is module


def test_taking_away_what_is_not_there_says_so():
    assert not zoo_torchvision.uninstall()


def test_many_threads_install_it_once_and_find_the_same():
    def use(number):
        zoo_torchvision.install(force=True)
        family = ("resnet", "alexnet", "detection.faster_rcnn", "video.mvit")[number % 4]
        return import_module(f"torchvision.models.{family}"), import_module("torchvision.models").ResNet

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(use, range(64)))
    assert len(finders()) == 1
    assert len({id(module) for module, _ in found}) == 4
    assert len({id(network) for _, network in found}) == 1


def test_metadata_says_that_torchvision_is_there(stand_in):
    assert importlib.metadata.version("torchvision") == "0.28.0+zoo"
    assert importlib.metadata.metadata("TorchVision")["Name"] == "torchvision"
    assert "torchvision" in importlib.metadata.packages_distributions()["torchvision"]
    assert importlib.metadata.version("click")


def test_metadata_can_be_left_out():
    zoo_torchvision.install(force=True, metadata=False)
    if "torchvision" not in {name.lower() for name in importlib.metadata.packages_distributions()}:
        with pytest.raises(importlib.metadata.PackageNotFoundError):
            importlib.metadata.version("torchvision")


def run(*arguments, folder, code=0):
    command = [sys.executable, "-m", "zoo_torchvision", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


PROGRAM = (
    "import sys, torchvision, beside\n"
    "weights = torchvision.models.ResNet18_Weights\n"
    "print(__name__, sys.argv[1:], torchvision.__version__, weights.__module__, beside.HERE)"
)
EXPECTED = "__main__ ['--lr', '1'] 0.28.0+zoo zoo_classification.catalogue.resnet yes"


@pytest.fixture
def program(tmp_path):
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "train.py").write_text(PROGRAM)
    (tmp_path / "programs" / "beside.py").write_text("HERE = 'yes'")
    return tmp_path


def test_a_program_runs_as_it_is_with_its_arguments_and_its_folder(program):
    assert run("--force", "programs/train.py", "--lr", "1", folder=program).strip() == EXPECTED


def test_a_module_runs_as_it_is(program):
    assert run("--force", "-m", "train", "--lr", "1", folder=program / "programs").strip() == EXPECTED


def test_code_runs_as_it_is(program):
    assert run("--force", "-c", PROGRAM, "--lr", "1", folder=program / "programs").strip() == EXPECTED


@pytest.mark.parametrize("arguments", [[], ["--nothing"], ["-m"], ["--force", "-c"]], ids=str)
def test_a_call_that_names_no_program_is_refused_with_the_usage(arguments, tmp_path):
    assert "Usage: python -m zoo_torchvision" in run(*arguments, folder=tmp_path, code=2)


def test_help_says_how_it_is_called(tmp_path):
    assert "Usage: python -m zoo_torchvision" in run("--help", folder=tmp_path)
