"""Exported files of somebody else's that would run code: they are refused, and the code does not run."""

import io
import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from zoo_core import get_model, get_weight
from zoo_core.prediction import PredictionJob
from zoo_export import ExportError, Facts, export, load_exported
from zoo_export.formats import pt2

from .makers import DIGITS, TinyNetwork

PROGRAM = ("models/model.json", "serialized_exported_program.json")
INPUTS = ("data/sample_inputs/model.pt", "serialized_example_inputs.pt")
FACTS = ("extra/zoo.json", "extra_files/zoo.json")


class Runs:
    """A pickle of it makes a folder when it is read."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def python_that_makes(marker: Path) -> str:
    return f"__import__('pathlib').Path('{marker.as_posix()}').touch()"


def saved(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def with_members(source: Path, target: Path, change, added=()) -> None:
    """Write an archive again, with some of what is in it changed, and more added within its folder."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        folder = old.namelist()[0].partition("/")[0]
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
        for name, content in added:
            new.writestr(f"{folder}/{name}", content)


def with_program(source: Path, target: Path, change) -> None:
    """Write an archive again, with what `change` makes of each object in its program."""

    def changed(name, content):
        if not name.endswith(PROGRAM):
            return content
        return json.dumps(json.loads(content, object_hook=change)).encode()

    with_members(source, target, changed)


def refused(path: Path, marker: Path, match: str) -> None:
    for load in (load_exported, get_model):
        with pytest.raises(ExportError, match=match):
            load(str(path))
    assert not marker.exists()


def test_a_file_that_is_written_again_is_loaded(tiny_file, tmp_path):
    with_members(tiny_file, tmp_path / "same.pt2", lambda _name, content: content)
    assert load_exported(tmp_path / "same.pt2").facts.model == DIGITS


def test_example_inputs_are_not_unpickled(tiny_file, tmp_path):
    marker = tmp_path / "ran"
    planted = saved(((Runs(marker),), {}))
    with_members(tiny_file, tmp_path / "a.pt2", lambda name, old: planted if name.endswith(INPUTS) else old)
    refused(tmp_path / "a.pt2", marker, r"may run code: its pickle names \w+.mkdir, of which no tensor")


@pytest.mark.parametrize("program", [b"\x80\x02cbuiltins\nexec\nX\x04\0\0\0pass\x85R.", b"\x80\x04N."])
def test_a_bare_pickle_in_place_of_example_inputs_is_refused(tiny_file, tmp_path, program):
    with_members(tiny_file, tmp_path / "a.pt2", lambda name, old: program if name.endswith(INPUTS) else old)
    refused(tmp_path / "a.pt2", tmp_path / "ran", r"may run code: it is no archive of torch\.save")


@pytest.mark.parametrize(
    "name", ["data/weights/weight_0", "data/constants/opaque_obj_0", "data/constants/custom_obj_0"]
)
def test_weights_and_constants_that_are_pickled_are_looked_at(tiny_file, tmp_path, name):
    marker = tmp_path / "ran"
    folder, _, own = name.rpartition("/")

    def changed(found, old):
        if found.endswith(name):
            return saved(Runs(marker))
        if found.startswith(f"tiny/{folder}/") and found.endswith("_config.json"):
            document = json.loads(old)
            payload = {"path_name": own, "is_param": False, "use_pickle": True, "tensor_meta": None}
            return json.dumps(document | {"config": {**document["config"], "stem.weight": payload}}).encode()
        return old

    with zipfile.ZipFile(tiny_file) as archive:
        if not any(found.endswith("_config.json") for found in archive.namelist()):
            pytest.skip("this PyTorch writes weights as one pickle")
    with_members(
        tiny_file, tmp_path / "a.pt2", changed, () if name.endswith("weight_0") else [(name, saved(Runs(marker)))]
    )
    refused(
        tmp_path / "a.pt2", marker, "may run code: (its pickle names|it has an object of another kind|no file of a net)"
    )


def test_sizes_are_not_run(tiny_file, tmp_path):
    marker = tmp_path / "ran"
    for text in (
        python_that_makes(marker),
        f"Max(1, {python_that_makes(marker)!r})",
        f"Max(1, ({python_that_makes(marker)!r},))",
        f"Symbol({python_that_makes(marker)!r}, integer=True)",
        "eval(Symbol('s0'))",
        "(lambda: 1)()",
        "1 #\n + eval(1)",
    ):
        with_program(
            tiny_file, tmp_path / "a.pt2", lambda each, t=text: each | {"expr_str": t} if "expr_str" in each else each
        )
        refused(tmp_path / "a.pt2", marker, "may run code: it (computes a size by|has the expression)")


def test_guards_are_not_run(tiny_file, tmp_path):
    marker = tmp_path / "ran"
    for text in (
        python_that_makes(marker),
        f"eval({python_that_makes(marker)!r})",
        "L['images'].__class__.size()",
        "L['images'].size(exec('pass')) == 1",
        "(lambda: L)() == 1",
        '1 == 1, "") or exec(\'pass\') or ("',
        "'{x}' == L['images']",
    ):
        with_program(
            tiny_file,
            tmp_path / "a.pt2",
            lambda each, t=text: each | {"guards_code": [t]} if "graph_module" in each else each,
        )
        refused(tmp_path / "a.pt2", marker, "may run code: (it has|invalid)")


@pytest.mark.parametrize(
    "target",
    ["torch.os.system", "torch.ops.aten.from_file.default", "torch.ops.aten.save.default", "_operator.methodcaller"],
)
def test_other_functions_than_operators_are_not_called(tiny_file, tmp_path, target):
    with_program(
        tiny_file,
        tmp_path / "a.pt2",
        lambda each: each | {"target": target} if "target" in each and "inputs" in each else each,
    )
    refused(tmp_path / "a.pt2", tmp_path / "ran", "may run code: it calls")


def test_names_stay_names(tiny_file, tmp_path):
    marker = tmp_path / "ran"
    name = f"x={python_that_makes(marker)}"
    with_program(
        tiny_file, tmp_path / "a.pt2", lambda each: each | {"name": name} if each.get("name") == "images" else each
    )
    refused(tmp_path / "a.pt2", marker, "may run code: it has the name")


def test_specs_of_inputs_stay_plain(tiny_file, tmp_path):
    spec = json.dumps([1, {"type": "collections.defaultdict", "context": "{}", "children_spec": []}])
    with_program(tiny_file, tmp_path / "a.pt2", lambda each: each | {"in_spec": spec} if "in_spec" in each else each)
    refused(tmp_path / "a.pt2", tmp_path / "ran", "may run code: it takes or gives")


@pytest.mark.parametrize("name", ["data/aotinductor/model/a.so", "models/MODEL.json", "data/sample_inputs/../model.pt"])
def test_nothing_else_may_be_in_it(tiny_file, tmp_path, name):
    with_members(tiny_file, tmp_path / "a.pt2", lambda _name, content: content, [(name, b"{}")])
    refused(
        tmp_path / "a.pt2", tmp_path / "ran", r"no file of a network's has such a thing|a name is in the archive twice"
    )


def test_compressed_archives_are_refused(tiny_file, tmp_path):
    with zipfile.ZipFile(tiny_file) as old, zipfile.ZipFile(tmp_path / "a.pt2", "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    refused(tmp_path / "a.pt2", tmp_path / "ran", "is compressed or encrypted")


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
