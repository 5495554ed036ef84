"""Exported files of somebody else's that would run code: they are refused, and the code does not run."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from zoo_core import get_model, get_weight
from zoo_core.prediction import PredictionJob
from zoo_export import ExportError, Facts, export
from zoo_export.formats import pt2

from .makers import DIGITS, TinyNetwork

FACTS = ("extra/zoo.json", "extra_files/zoo.json")


def with_members(source: Path, target: Path, change, added=()) -> None:
    """Write an archive again, with some of what is in it changed, and more added within its folder."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        folder = old.namelist()[0].partition("/")[0]
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
        for name, content in added:
            new.writestr(f"{folder}/{name}", content)


@pytest.mark.parametrize("preset", ["os:system", "zoo_core.transforms:ImageClassification", "Nothing", None, 3])
def test_a_raw_file_s_preset_is_one_of_its_architecture_s(tmp_path, preset):
    marker = tmp_path / "ran"
    raw = tmp_path / "raw.pt2"
    export(DIGITS, "pt2", raw, network=TinyNetwork(), raw=True, certificate=False)

    def changed(name, content):
        if not name.endswith(FACTS):
            return content
        facts = Facts.from_json(content.decode(), name)
        planted = {"preset": preset, "command": f"touch {marker}"}
        return replace(facts, preprocessing=planted).to_json().encode()

    with_members(raw, tmp_path / "a.pt2", changed)
    for use in (get_weight, get_model, lambda path: PredictionJob(sources=".", model=path).entry.transforms()):
        with pytest.raises(ExportError, match=r"states the preset .*: expected one of .*ImageClassification"):
            use(str(tmp_path / "a.pt2"))
    assert not marker.exists()


def test_an_architecture_is_a_builder_s_name(tiny_file, tmp_path):
    path = tmp_path / "a.pt2"

    def changed(name, content):
        facts = json.loads(content) | {"architecture": str(path)} if name.endswith(FACTS) else None
        return content if facts is None else json.dumps(facts).encode()

    with_members(tiny_file, path, changed)
    with pytest.raises(ExportError, match="expected the name of a builder"):
        PredictionJob(sources=".", model=str(path)).entry.transforms()


@pytest.mark.parametrize("fact", ["preprocessing", "options", "meta", "architecture"])
def test_facts_of_another_type_are_told(tiny_file, tmp_path, fact):
    def changed(name, content):
        return json.dumps(json.loads(content) | {fact: [1]}).encode() if name.endswith(FACTS) else content

    with_members(tiny_file, tmp_path / "a.pt2", changed)
    with pytest.raises(ExportError, match=f"'{fact}' should be"):
        pt2.TorchProgram().facts(tmp_path / "a.pt2")
