"""Names, enums, stubs and data files say the same, each thing once."""

import ast
import inspect
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

from zoo_core import WeightsEnum, get_model_builder, get_model_weights, get_weight, list_models
from zoo_core._catalogue import read_entries, read_family
from zoo_core._packages import built_in_packages, plug_ins
from zoo_core._registry import get_model_entry

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
