"""Names, enums, stubs and data files say the same, each thing once."""

import ast
import inspect
import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

from zoo_core import WeightsEnum, get_model_builder, get_model_weights, get_weight, list_models, list_weights
from zoo_core._catalogue import read_entries, read_family
from zoo_core._packages import built_in_packages, plug_ins
from zoo_core._registry import all_tasks, get_model_entry, task_of
from zoo_core.names import load_reference
from zoo_core.prediction import Predictor

PACKAGES = (*built_in_packages(), *plug_ins())
ENTRIES = [entry for package in PACKAGES for entry in package.models]
MEMBERS = [member for name in list_models() for member in get_model_weights(name)]
FAMILIES = [
    path
    for package in PACKAGES
    for path in sorted(Path(str(import_module(package.module).__file__)).parent.glob("catalogue/*.json"))
]


def stub_names(module: str) -> set[str]:
    """Return the public names that a package's stub lists."""
    stub = Path(str(import_module(module).__file__)).with_suffix(".pyi")
    imports = [node for node in ast.parse(stub.read_text()).body if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name for node in imports for alias in node.names}


@pytest.mark.parametrize("name", list_models())
def test_task_of_a_model_is_stated_by_exactly_one_package(name):
    task = get_model_entry(name).task
    assert [stated.name for package in PACKAGES for stated in package.tasks()].count(task) == 1
    assert task_of(name).name == task


@pytest.mark.parametrize("task", list(all_tasks()), ids=lambda task: task.name)
def test_what_a_task_refers_to_is_there_and_takes_what_it_states(task):
    predictor = task.predictor_class()
    assert issubclass(predictor, Predictor)
    assert {"device", *(option.name for option in task.options)} <= inspect.signature(predictor).parameters.keys()
    assert callable(load_reference(task.example))


def test_no_name_is_registered_twice():
    assert [name for name, count in Counter(entry.name for entry in ENTRIES).items() if count > 1] == []


@pytest.mark.parametrize("name", list_models())
def test_builder_is_public_documented_and_keyword_only(name):
    entry, builder = get_model_entry(name), get_model_builder(name)
    assert entry.builder in stub_names(entry.module)
    assert builder.__name__ == entry.builder
    assert inspect.getdoc(builder)
    kinds = {parameter.kind for parameter in inspect.signature(builder).parameters.values()}
    assert kinds <= {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}


@pytest.mark.parametrize("name", list_models())
def test_docstring_of_a_builder_says_every_argument_once(name):
    builder = get_model_builder(name)
    parameters = inspect.signature(builder).parameters.values()
    expected = [f"**{p.name}" if p.kind is p.VAR_KEYWORD else p.name for p in parameters]
    arguments = inspect.getdoc(builder).partition("\nArgs:\n")[2].partition("\n\n")[0]
    assert re.findall(r"^ {4}([\w*]+): \S", arguments, re.MULTILINE) == expected


def test_what_all_builders_take_is_said_in_no_family():
    files = [path for package in PACKAGES for path in Path(import_module(package.module).__file__).parent.glob("_*.py")]
    assert [path.name for path in files if "progress: Show a bar" in path.read_text()] == []


@pytest.mark.parametrize("name", list_models())
def test_weights_enum_is_public_and_belongs_to_one_model(name):
    entry, enum = get_model_entry(name), get_model_weights(name)
    assert issubclass(enum, WeightsEnum)
    assert enum.__name__ == entry.weights
    assert entry.weights in stub_names(entry.module)
    assert [other.name for other in ENTRIES if other.weights == entry.weights] == [name]
    assert get_model_weights(get_model_builder(name)) is enum


@pytest.mark.parametrize("path", FAMILIES, ids=lambda path: path.stem)
def test_enums_have_the_members_that_the_data_file_has(path):
    family = read_family(str(path))
    models = {entry.weights: entry.name for entry in ENTRIES}
    members = {name: {member.name for member in get_model_weights(models[name])} for name in family["weights"]}
    assert members == {name: set(entries) for name, entries in family["weights"].items()}
    assert set(family["weights"]) == {model["weights"] for model in family["models"].values()}


@pytest.mark.parametrize("name", list_models())
def test_data_file_and_enum_agree_on_the_default(name):
    stated = read_entries(get_model_entry(name))
    assert stated is not None
    assert [(entry.member, entry.is_default) for entry in stated] == [
        (member.name, member is type(member)["DEFAULT"]) for member in get_model_weights(name)
    ]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.module)
def test_every_enum_of_a_stub_is_a_registered_models(package):
    enums = {name for name in stub_names(package.module) if name.endswith("Weights")}
    assert enums == {entry.weights for entry in package.models}


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_entry_is_found_by_its_full_name_and_has_a_default_beside_it(member):
    assert get_weight(str(member)) is member
    assert type(member)["DEFAULT"] in type(member)


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_entry_can_be_verified_and_its_file_is_its_own(member):
    assert member.file.digest is not None
    assert [other for other in MEMBERS if other.file.name == member.file.name] == [member]


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_entry_states_what_users_ask_for(member):
    meta = member.meta
    assert {
        "num_params",
        "min_size",
        "recipe",
        "_metrics",
        "_docs",
        "_ops",
        "_file_size",
        "license",
        "dataset",
    } <= meta.keys()
    assert len(meta["_docs"].split()) >= 5
    assert meta["dataset"] != "unknown"
    assert all(0 <= value <= 100 or value != value for values in meta["_metrics"].values() for value in values.values())
    if member.file.size is not None:
        assert member.file.size / 2**20 == pytest.approx(meta["_file_size"], abs=0.01)


CLIPS = {
    "R3D_18": (15, 16, 5, "video"),
    "MC3_18": (15, 16, 5, "video"),
    "R2Plus1D_18": (15, 16, 5, "video"),
    "S3D": (15, 128, 1, "clip"),
    "MViT_V1_B": (7.5, 16, 5, "video"),
    "MViT_V2_S": (7.5, 16, 5, "video"),
    "Swin3D_T": (15, 32, 12, "video"),
    "Swin3D_S": (15, 32, 12, "video"),
    "Swin3D_B": (15, 32, 12, "video"),
}
"""Frames a second, frames a clip, clips a video, and what the published accuracy counts."""


@pytest.mark.parametrize("member", list_weights(task="video"), ids=str)
def test_video_entries_state_the_clips_that_they_were_measured_with(member):
    meta = member.meta
    stated = tuple(meta[name] for name in ("frame_rate", "clip_len", "clips_per_video", "level"))
    assert stated == CLIPS[type(member).__name__.removesuffix("_Weights")]
    assert meta["clip_len"] >= meta.get("min_temporal_size", 1)
