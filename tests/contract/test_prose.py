"""Every family of models says in words what it is, in a Markdown file beside its facts."""

import re
from pathlib import Path

import pytest

from zoo_core import get_model_entry, list_models

ENTRIES = [get_model_entry(name) for name in list_models()]
FAMILIES = sorted({(entry.module, Path(entry.path).with_suffix(".md")) for entry in ENTRIES})
PAPER = re.compile(r"- [^:]+: \[[^]]+\]\(https://[^)\s]+\), (19|20)\d\d")
SENTENCE = re.compile(r"[.!?](?=\s|$)")


def parts(path: Path) -> tuple[str, str, list[str]]:
    """Return the heading, the text and the papers of a family."""
    heading, text, papers = path.read_text(encoding="utf-8").strip().split("\n\n")
    return heading, " ".join(text.split()), papers.splitlines()


@pytest.mark.parametrize(("module", "path"), FAMILIES, ids=lambda value: getattr(value, "stem", value))
def test_a_family_says_what_it_is(module, path):
    heading, text, papers = parts(path)
    assert re.fullmatch(r"# \S.*", heading)
    assert 2 <= len(SENTENCE.findall(text)) <= 5, text
    assert papers
    assert [paper for paper in papers if not PAPER.fullmatch(paper)] == []


@pytest.mark.parametrize(("module", "path"), FAMILIES, ids=lambda value: getattr(value, "stem", value))
def test_the_papers_are_those_at_the_head_of_the_network(module, path):
    network = path.parents[1] / f"_{path.stem}.py"
    in_code = set(re.findall(r"arXiv:(\d{4}\.\d{5}|\d{4}\.\d{4})", network.read_text(encoding="utf-8").split('"""')[1]))
    in_words = set(re.findall(r"arxiv\.org/abs/([\d.]+)", path.read_text(encoding="utf-8")))
    assert in_code <= in_words, f"{path.name} lacks {in_code - in_words}, which {network.name} names"


def test_no_prose_is_without_a_family():
    written = set(Path(__file__).parents[2].glob("packages/*/src/**/catalogue/*.md"))
    assert written == {path for _, path in FAMILIES}
