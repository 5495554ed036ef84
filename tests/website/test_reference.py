"""The pages of the reference: what is written of each kind of name."""

import re
from pathlib import Path

import pytest

from zoo_site import Site

pytest.importorskip("griffe", reason="the group docs of pyproject.toml has it")
from zoo_site.api.loading import Packages
from zoo_site.api.objects import Objects
from zoo_site.api.pages import write_pages

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def packages():
    return Packages(ROOT)


@pytest.fixture(scope="module")
def written(packages):
    """Return a function that writes a name."""
    by_name = {name.full: name for name in packages.names}
    objects = Objects(packages.references, Site(ROOT, ROOT / "nowhere", "0.0.0"))
    return lambda full: objects.write(by_name[full], packages.find(by_name[full]))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(ROOT, tmp_path_factory.mktemp("source"), "0.0.0")
    write_pages(site)
    return site


def test_every_name_has_its_anchor_on_its_page(packages, site):
    missing = []
    for name in packages.names:
        text = (site.source / f"{name.page}.md").read_text()
        pattern = rf"^:::::\{{py:\w+\}} {re.escape(name.short)}\b.*(?:\n:\w+:.*)*\n:module: {re.escape(name.module)}$"
        if not re.search(pattern, text, re.MULTILINE):
            missing.append(name.full)
    assert len(packages.names) > 1000
    assert missing == []


def test_every_page_is_in_a_list(site):
    pages = {path.relative_to(site.source).as_posix() for path in site.source.rglob("*.md")}
    texts = (path.read_text() for path in site.source.rglob("*.md"))
    listed = {f"{page}.md" for text in texts for page in re.findall(r"^\S+ </(api/.+)>$", text, re.MULTILINE)}
    assert pages - listed == {"api/index.md"}


def test_names_that_prose_links_to_are_there(packages, site):
    known = {name.full for name in packages.names} | set(packages.modules)
    linked = {
        target
        for path in site.source.rglob("*.md")
        for target in re.findall(r"\{py:obj\}`(?:[^`<]*<|~)(zoo_[\w.]+)>?`", path.read_text())
    }
    assert {name for name in linked if name not in known and name.rpartition(".")[0] not in known} == set()
    assert len(linked) > 500


def test_a_builder_shows_what_its_decorator_adds(written):
    head, *_ = (text := written("zoo_classification.resnet50")).splitlines()
    assert head.startswith(
        ":::::{py:function} resnet50(*, weights: zoo_classification.ResNet50_Weights | str | None = None"
    )
    assert "in_chans: int = 3" in head
    assert head.endswith("-> zoo_classification.ResNet")
    assert ":param num_classes: Number of classes" in text


def test_a_function_has_its_signature_fields_and_example(written):
    text = written("zoo_core.images.read_image")
    assert "read_image(source: zoo_core.images.ImageSource, *, at_least: int | None = None)" in text
    assert ":param source: A path" in text
    assert ":raises ~zoo_core.images.ImageError:" in text
    assert "```pycon\n>>> from PIL import Image" in text


def test_a_dataclass_is_called_with_its_fields(written):
    assert "Preset(target: str, keywords: Mapping[str, Any] = " in written("zoo_core.Preset")


def test_an_enum_lists_its_members(written):
    text = written("zoo_classification.ResNet50_Weights")
    assert "{py:class} ResNet50_Weights\n" in text
    assert re.findall(r"\{py:attribute\} (\w+)", text) == ["IMAGENET1K_V1", "IMAGENET1K_V2", "DEFAULT"]


def test_members_of_a_private_base_are_the_classs_own_and_those_of_a_public_one_are_linked(written):
    text = written("zoo_core.prediction.Classification")
    assert "From {py:obj}`~zoo_core.prediction.Prediction`" in text


def test_prose_stays_prose(written):
    assert r"\*" not in written("zoo_core.get_model").partition("\n\n")[0]


@pytest.mark.parametrize(
    ("text", "scope", "target"),
    [
        ("read_image", "zoo_core.images.to_rgb", "zoo_core.images.read_image"),
        ("zoo_core.images", "zoo_core.get_model", "zoo_core.images"),
        ("Prediction.draw", "zoo_core.prediction.predict", "zoo_core.prediction.Prediction.draw"),
        ("get_model", "zoo_detection.ssd300_vgg16", "zoo_core.get_model"),
        ("no_such_name", "zoo_core.get_model", None),
        ("x + y", "zoo_core.get_model", None),
        ("get_model", "zoo_core.get_model", None),
    ],
)
def test_a_name_in_prose_leads_to_what_it_means(packages, text, scope, target):
    assert packages.references.find(text, scope) == target
