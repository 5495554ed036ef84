"""The command `zoo migrate`, beyond its transcript."""

import json
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from zoo_core.cli import _terminal
from zoo_torchvision.cli.migrate import command

SOURCE = "if True:\n\tfrom torchvision.ops import nms  # tabs\n"
PAGES = "\f\nNAMES = '\x85\u2028\x1b'  # \x1d of which no editor's lines end\n\f"


@pytest.fixture
def program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(SOURCE)
    return tmp_path / "train.py"


def test_without_libcst_it_says_what_to_install(program, monkeypatch):
    monkeypatch.setitem(sys.modules, "libcst", None)
    for name in [name for name in sys.modules if name.startswith("zoo_torchvision.migrate")]:
        monkeypatch.delitem(sys.modules, name)
    done = CliRunner().invoke(command, ["train.py"])
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: Programs are read with libcst")
    assert done.stderr.endswith("pip install 'zoo-torchvision[migrate]'.\n")


@pytest.mark.skipif(not shutil.which("patch"), reason="needs patch")
@pytest.mark.parametrize("more", ["", PAGES], ids=["plain", "pages"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["Unix", "Windows"])
def test_what_is_printed_is_a_patch(program, ends, more):
    before = program.read_text() + more
    program.write_bytes(before.replace("\n", ends).encode())
    printed = CliRunner().invoke(command, ["train.py"]).stdout_bytes
    subprocess.run(["patch", "-p1", "--binary"], input=printed, check=True, capture_output=True)
    assert program.read_bytes() == before.replace("torchvision.ops", "zoo_detection.ops").replace("\n", ends).encode()


def test_a_terminal_is_not_commanded_by_what_stands_in_a_program(program, monkeypatch):
    monkeypatch.setattr(_terminal, "columns", lambda: 80)
    program.write_text("from torchvision.ops import nms  # \x1b[2J\n")
    assert "\x1b" not in CliRunner().invoke(command, ["train.py"]).stdout


def test_machines_get_every_file_with_its_changes(program):
    done = CliRunner().invoke(command, ["train.py", "--json", "--write"])
    (result,) = json.loads(done.stdout)
    assert (result["file"], result["changed"], result["left"], result["error"]) == ("train.py", True, [], None)
    assert "+\tfrom zoo_detection.ops import nms  # tabs" in result["diff"].splitlines()
    assert "zoo_detection" in program.read_text()
