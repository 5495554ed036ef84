"""The Markdown files of the repository on the site."""

import re
from pathlib import Path

import pytest

from drawn_architecture import architecture
from zoo_site import Site
from zoo_site.pages import generate, page_names, turn_links, write_lists

ROOT = Path(__file__).parents[2]
NAMES = page_names(ROOT)


@pytest.fixture
def site(tmp_path):
    return Site(ROOT, tmp_path, "0.0.0", "v0.0.0")


def turned(text, site, path="docs/export.md"):
    return turn_links(text, path, NAMES[path], NAMES, site)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("[a](tuning.md)", "[a](tuning.md)"),
        ("[a](tuning.md#part)", "[a](tuning.md#part)"),
        ("[a](../ARCHITECTURE.md)", "[a](development/architecture.md)"),
        ("[a](../README.md)", "[a](index.md)"),
        ("[a](../packages/zoo-core)", "[a](packages/zoo-core.md)"),
        ("[a](../examples/shapes.py)", "[a](https://github.com/org/zoo/blob/v0.0.0/examples/shapes.py)"),
        ("[a](../benchmarks)", "[a](https://github.com/org/zoo/tree/v0.0.0/benchmarks)"),
        ("[docs/tuning.md](tuning.md)", "[A model of one's own, from one of zoo's](tuning.md)"),
        ("[ARCHITECTURE.md](../ARCHITECTURE.md)", "[Architecture](development/architecture.md)"),
        ("[`tuning.md`](tuning.md)", "[`tuning.md`](tuning.md)"),
        ("[a](#part)", "[a](#part)"),
        ("[a](https://example.org/x.md)", "[a](https://example.org/x.md)"),
        ("[a](https://github.com/org/zoo/blob/main/docs/tuning.md#part)", "[a](tuning.md#part)"),
        ("[a](https://github.com/org/zoo)", "[a](https://github.com/org/zoo)"),
        ("`[a](nowhere.md)`", "`[a](nowhere.md)`"),
        ("```\n[a](nowhere.md)\n```", "```\n[a](nowhere.md)\n```"),
    ],
)
def test_a_link_leads_to_the_site_or_to_the_repository(site, link, expected):
    assert turned(link, site) == expected


def test_pages_in_folders_link_back(site):
    assert turned("[a](docs/export.md)", site, "ARCHITECTURE.md") == "[a](../export.md)"
    assert turned("[a](../../docs/export.md)", site, "packages/zoo-core/README.md") == "[a](../export.md)"


@pytest.mark.parametrize("place", ["../..", "https://github.com/org/zoo/raw/main"])
def test_a_picture_is_copied(site, place):
    text = turned(f"![A picture]({place}/docs/pictures/report.png)", site, "packages/zoo-core/README.md")
    assert text == "![A picture](../pictures/report.png)"
    assert (site.source / "pictures" / "report.png").is_file()


def test_a_link_to_nothing_is_an_error(site):
    with pytest.raises(ValueError, match=r"docs/export\.md has a link to nowhere\.md, which is not there"):
        turned("[a](nowhere.md)", site)


def test_a_second_page_of_a_name_is_an_error(site):
    site.write("a/b.md", "# B")
    with pytest.raises(ValueError, match=r"two files of the site are named a/b\.md"):
        site.write("a/b.md", "# Another")


def test_every_page_of_the_repository_is_on_the_site_and_in_a_list(site):
    generate(site)
    written = {path.relative_to(site.source).with_suffix("").as_posix() for path in site.source.rglob("*.md")}
    assert set(NAMES.values()) - {"index"} <= written
    listed = set()
    for path in site.source.glob("*/index.md"):
        for name in re.findall(r"^(?:\.\./)?[\w*/-]+$", path.read_text(), re.MULTILINE):
            folder = site.source if name.startswith("../") else path.parent
            found = folder.glob(f"{name.removeprefix('../')}.md")
            listed |= {each.relative_to(site.source).with_suffix("").as_posix() for each in found}
    sections = {f"{path.parent.name}/index" for path in site.source.glob("*/index.md")}
    assert written - listed - sections == set()


def test_guides_are_listed_in_the_order_of_learning_and_then_the_others(site):
    for name in ("unheard-of", "offline", "first-steps"):
        site.write(f"guides/{name}.md", f"# {name}")
    write_lists(site)
    listed = (site.source / "guides" / "index.md").read_text().partition("{toctree}")[2].splitlines()
    assert [line for line in listed if re.fullmatch(r"[\w-]+", line)] == ["first-steps", "offline", "unheard-of"]


def test_the_picture_of_the_packages_is_of_what_they_state():
    assert (ROOT / "docs" / "pictures" / "architecture.svg").read_text() == architecture()
