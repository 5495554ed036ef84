"""The reference has every public name of every package, once, and docstrings name what there is."""

import ast
import pydoc
import re
from importlib import import_module
from pathlib import Path

import pytest

from examples_check import SOURCES, docstrings, module_of
from zoo_site.api import public_modules, public_names

ROOT = Path(__file__).parents[2]
MODULES = public_modules(ROOT)
NAMES = public_names(MODULES)
KNOWN = {known for name in NAMES for known in (name.full, *name.aliases)}
FULL_NAME = re.compile(r"(?<!`)`(zoo_\w+(?:\.\w+)+)`(?!`)")


@pytest.mark.parametrize("module", [name for name in MODULES if MODULES[name].path.with_suffix(".pyi").exists()])
def test_what_a_package_exports_is_described(module):
    names = {f"{module}.{name}" for name in import_module(module).__all__}
    assert names - set(MODULES) <= KNOWN


def test_what_is_described_can_be_imported():
    assert [name.full for name in NAMES if not hasattr(import_module(name.module), name.short)] == []


def test_every_public_module_is_looked_at_but_catalogues_and_commands():
    every = {module_of(path) for path in SOURCES}
    public = {name for name in every if not any(part.startswith("_") for part in name.split("."))}
    assert {name for name in public - set(MODULES) if not re.search(r"\.(catalogue|cli)\b", name)} == set()


def test_what_has_several_names_is_described_under_the_shortest():
    by_name = {name.full: name for name in NAMES}
    assert by_name["zoo_core.predict"].aliases == ("zoo_core.prediction.predict",)
    assert len({name.defined for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("zoo_core.get_model", "api/zoo_core"),
        ("zoo_classification.resnet50", "api/zoo_classification/resnet"),
        ("zoo_classification.ResNet50_Weights", "api/zoo_classification/resnet"),
        ("zoo_classification.quantization.resnet50", "api/zoo_classification.quantization/resnet"),
        ("zoo_detection.AnchorGenerator", "api/zoo_detection.boxes.anchors"),
        ("zoo_core.errors.InputError", "api/zoo_core.errors"),
        ("zoo_core.cli.plug_in.Table", "api/zoo_core.cli.plug_in"),
    ],
)
def test_a_name_is_on_the_page_of_its_module_or_of_its_family(name, page):
    assert [found.page for found in NAMES if found.full == name] == [page]


def test_full_names_in_docstrings_and_pages_are_of_something():
    texts = {page.name: page.read_text() for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))}
    for path in SOURCES:
        texts[module_of(path)] = "\n".join(text for _, text, _ in docstrings(ast.parse(path.read_text())))
    named = {(place, name) for place, text in texts.items() for name in FULL_NAME.findall(text)}
    assert len(named) > 100
    assert {each for each in named if each[1] not in KNOWN and pydoc.locate(each[1]) is None} == set()
