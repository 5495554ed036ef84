"""`nox -s matrix`: what it makes of the results of an environment."""

import subprocess
import sys
from pathlib import Path

import pytest

import matrix_check as matrix
from page_tables import PageTable

TESTS = """
import pytest

def test_one(): pass
@pytest.mark.parametrize("number", [1, 2])
def test_two(number): pytest.skip("this | torch\\n has none")
def test_three(): assert MENDED
@pytest.fixture
def broken(): raise OSError("broken")
def test_four(broken): pass
"""
EXPORTS = {"alexnet": {"pt2": "yes", "onnx": "yes"}, "ssd300_vgg16": {"pt2": "no: too old", "onnx": "no: too old"}}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with pages that have no rows, and tests in place of the project's."""
    page = tmp_path / "page.md"
    tables = {"ENVIRONMENTS_TABLE": "environments", "SKIPPED_TABLE": "what is skipped", "EXPORTS_TABLE": "versions"}
    page.write_text("".join(f"<!-- table of {name} -->\n<!-- end of the table -->\n" for name in tables.values()))
    for attribute, name in tables.items():
        monkeypatch.setattr(matrix, attribute, PageTable(page, name))
    (tmp_path / "test_it.py").write_text(f"MENDED = False\n{TESTS}")
    monkeypatch.setattr(matrix, "ROOT", tmp_path)
    monkeypatch.setattr(matrix, "PLACE", tmp_path / "build")
    monkeypatch.setattr(matrix, "exports_of", lambda _python: EXPORTS)
    return tmp_path


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of environments that were installed; this interpreter stands for each."""
    names = []

    def install(environment: matrix.Environment, folder: Path, python: Path) -> None:
        names.append(environment.name)
        python.parent.mkdir(parents=True, exist_ok=True)
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)

    monkeypatch.setattr(matrix, "install", install)
    return names


def test_a_row_counts_and_what_has_failed_is_tried_again_where_it_was(place, installed, capsys):
    import torch

    with pytest.raises(SystemExit, match=r"Not green: torch-2\.8"):
        matrix.main("torch-2.8", "--", "-n", "0")
    assert matrix.ENVIRONMENTS_TABLE.rows() == {}
    with pytest.raises(SystemExit, match=r"Not green: torch-2\.8"):
        matrix.main("torch-2.8")
    (row,) = matrix.ENVIRONMENTS_TABLE.rows().values()
    python = ".".join(map(str, sys.version_info[:3]))
    assert row[:-1] == [python, torch.__version__.split("+")[0], "1", "2", "2"]
    assert "  failed: test_it::test_four" in capsys.readouterr().out
    (place / "test_it.py").write_text(f"MENDED = True\n{TESTS.replace('raise OSError', 'print')}")
    matrix.main("torch-2.8", "--again")
    assert installed == ["torch-2.8", "torch-2.8"]
    assert matrix.ENVIRONMENTS_TABLE.rows()["torch-2.8"][2:-1] == ["3", "2", "0"]
    assert not (place / "build" / "torch-2.8").exists()
    assert matrix.SKIPPED_TABLE.rows() == {"this / torch has none": ["torch-2.8 (2)"]}
    assert matrix.EXPORTS_TABLE.columns() == ["alexnet", "ssd300_vgg16"]
    assert matrix.EXPORTS_TABLE.rows() == {"torch-2.8": ["pt2, onnx", "none"]}
    assert "  ssd300_vgg16, onnx: no: too old" in capsys.readouterr().out


def test_tables_keep_the_order_of_environments_and_the_rows_of_others():
    matrix.write_skipped("torch-2.8", {"old": 1, "no patch": 2})
    matrix.write_skipped("torch-2.6", {"old": 3, "no patch": 2})
    matrix.write_skipped("torch-2.8", {"no patch": 1})
    assert matrix.SKIPPED_TABLE.rows() == {"no patch": ["torch-2.6 (2), torch-2.8 (1)"], "old": ["torch-2.6 (3)"]}
    for name in ("torch-2.15", "torch-2.6", "lowest"):
        matrix.write_row(matrix.ENVIRONMENTS_TABLE, matrix.HEADER, name, ["3", *"123456"])
    assert list(matrix.ENVIRONMENTS_TABLE.rows()) == ["torch-2.6", "torch-2.15", "lowest"]


def test_an_environment_that_cannot_be_installed_has_a_row_and_the_others_go_on(place, monkeypatch, installed):
    make = matrix.install

    def fails(environment, folder, python):
        if environment.name == "torch-2.6":
            raise subprocess.CalledProcessError(1, "pip")
        make(environment, folder, python)

    monkeypatch.setattr(matrix, "install", fails)
    (place / "test_it.py").write_text("def test_one(): pass")
    with pytest.raises(SystemExit, match=r"Not green: torch-2\.6$"):
        matrix.main("quick")
    rows = matrix.ENVIRONMENTS_TABLE.rows()
    assert rows["torch-2.6"][4] == "cannot be run"
    assert rows["torch-2.15"][4] == "0"


def test_exports_that_cannot_be_tried_are_a_failure_and_leave_the_environment(place, monkeypatch):
    def fails(python):
        raise subprocess.CalledProcessError(1, str(python))

    monkeypatch.setattr(matrix, "exports_of", fails)
    (place / "test_it.py").write_text("def test_one(): pass")
    with pytest.raises(SystemExit, match=r"Not green: torch-2\.10"):
        matrix.main("torch-2.10")
    assert matrix.ENVIRONMENTS_TABLE.rows()["torch-2.10"][2:-1] == ["1", "0", "0"]
    assert (place / "build" / "torch-2.10" / "bin" / "python").exists()


def test_environments_that_there_are_not_are_refused():
    with pytest.raises(SystemExit, match=r"no environment torch-1: expected torch-2\.6, "):
        matrix.main("torch-1")
