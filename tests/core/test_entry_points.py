"""Entry points are read as `importlib.metadata` reads them."""

import importlib.metadata
import sys

import pytest

from zoo_core._entry_points import EntryPoint, entry_points

TEXT = """\
[console_scripts]
zoo.packages = not.this:one

[zoo.packages]
# a comment = no entry
first = first_package
 second=second_package:attribute [extra]

[other]
third = third_package
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    information = tmp_path / "some-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: some\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(TEXT)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    return information


def test_entries_of_the_group_are_those_that_the_standard_library_finds(site):
    standard = {(point.name, point.module) for point in importlib.metadata.entry_points(group="zoo.packages")}
    assert {(point.name, point.module) for point in entry_points("zoo.packages")} == standard
    assert list(entry_points("zoo.packages"))[1] == EntryPoint("second_package:attribute", "second")


def test_file_that_is_no_text_and_folder_that_is_none_are_passed_over(site, monkeypatch):
    (site / "entry_points.txt").write_bytes(b"[zoo.packages]\n\xff\xfe = x")
    monkeypatch.setattr(sys, "path", [*sys.path, str(site / "archive.zip")])
    assert list(entry_points("zoo.packages")) == []


@pytest.mark.parametrize(("folder", "found"), [("src", ["digits"]), ("lib", [])])
def test_checkout_on_the_path_states_its_entry_points_where_its_code_is_in_src(tmp_path, monkeypatch, folder, found):
    (tmp_path / folder).mkdir()
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "zoo-digits"\n\n[project.entry-points."zoo.packages"]\ndigits = "zoo_digits"\n'
        '\n[project.entry-points."zoo.commands"]\nother = "other:command"\n'
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path / folder)])
    assert [point.name for point in entry_points("zoo.packages") if point.module == "zoo_digits"] == found
