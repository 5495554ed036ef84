"""What is said about the project in several places is the same everywhere."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from matrix_check import ENVIRONMENTS, ENVIRONMENTS_TABLE

ROOT = Path(__file__).parents[2]
VERSION = (ROOT / "VERSION").read_text().strip()
WORKSPACE = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = {path.parent.name: tomllib.loads(path.read_text()) for path in ROOT.glob("packages/*/pyproject.toml")}
REPOSITORY = PACKAGES["zoo-core"]["project"]["urls"]["Homepage"]
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_a_package_has_the_version_of_all_and_requires_the_others_of_the_same_minor(package):
    project = PACKAGES[package]
    assert project["project"]["dynamic"] == ["version"]
    assert (ROOT / "packages" / package / project["tool"]["hatch"]["version"]["path"]).resolve() == ROOT / "VERSION"
    major, minor, _ = map(int, VERSION.split("."))
    ranges = {re.sub(r"zoo-\w+", "", needed) for needed in project["project"]["dependencies"] if "zoo-" in needed}
    assert ranges <= {f">={major}.{minor},<{major}.{minor + 1}"}


def test_the_changelog_and_the_citation_have_the_version():
    headings = re.findall(r"^## (\S+) \((?:unreleased|\d{4}-\d\d-\d\d)\)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert headings[0] == VERSION
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == VERSION


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_a_package_has_the_licence_and_says_where_it_is_developed(package):
    assert (ROOT / "packages" / package / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert {"Homepage", "Documentation", "Changelog", "Issues"} == set(PACKAGES[package]["project"]["urls"])


def test_the_workspace_knows_every_package():
    sources = {package: {"workspace": True} for package in PACKAGES}
    modules = {package.replace("-", "_") for package in PACKAGES}
    assert WORKSPACE["tool"]["uv"]["sources"] == sources
    assert set(WORKSPACE["tool"]["importlinter"]["root_packages"]) == modules
    assert {path.split("/")[-2] for path in WORKSPACE["tool"]["mypy"]["mypy_path"] if "/src" in path} == set(PACKAGES)


def test_every_decision_is_dated_and_in_the_index():
    page = (ROOT / "docs" / "decisions.md").read_text()
    headings = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert re.findall(r"^## (.+)\n\*\d{4}-\d\d-\d\d\*\n\n", page, re.MULTILINE) == headings
    linked = re.findall(r"^- \[(.+)\]\(#(.+)\)$", page, re.MULTILINE)
    places = {heading: re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert dict(linked) == places


def test_tests_and_files_that_pages_name_are_there():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("packages/*/README.md")]
    code = {path.stem: path.read_text() for path in ROOT.glob("tests/**/*.py")}
    everything = "".join(code.values())
    missing = []
    for page in pages:
        named = re.findall(r"`([^`\n]*)`", page.read_text())
        files = [name for name in named if re.fullmatch(r"(tests|examples|benchmarks)/[\w/]+\.py", name)]
        missing += [f"{page.name}: {name}" for name in files if not (ROOT / name).is_file()]
        tests = [name.removesuffix(".py") for name in named if re.fullmatch(r"test_\w+(\.py)?", name)]
        missing += [f"{page.name}: {name}" for name in tests if name not in code and f"def {name}(" not in everything]
    assert missing == []


def test_pip_and_uv_use_the_same_versions():
    stated = (ROOT / "constraints.txt").read_text().splitlines()
    assert [line for line in stated if not line.startswith("#")] == WORKSPACE["tool"]["uv"]["constraint-dependencies"]


def test_the_lock_has_every_requirement_with_its_hashes_and_names_no_host():
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    locked = dict(re.findall(r"^([\w.-]+)==(.*(?:\n +.*)*)", lock, re.MULTILINE))
    assert [name for name, block in locked.items() if "--hash=sha256:" not in block] == []
    needed = {re.split(r"[^\w.-]", text)[0] for one in PACKAGES.values() for text in one["project"]["dependencies"]}
    assert needed - set(PACKAGES) <= set(locked)


def sessions_run_by(text: str, values: dict[str, list[str]]) -> set[str]:
    """Return the sessions in commands such as `nox -s lint types`, each of a matrix in its place."""
    found = set()
    for arguments in re.findall(r"\bnox -s ([^\n;&|#]+)", text):
        named = re.sub(r"\$\{\{ matrix\.(\w+) \}\}", lambda key: " ; ".join(values.get(key[1], [])), arguments)
        found |= {word for part in named.split(" ; ") for word in part.partition(" --")[0].split()}
    return found


def test_every_session_of_nox_is_run_by_ci_or_a_workflow():
    run = sessions_run_by((ROOT / ".ci" / "run").read_text(), {})
    for path in WORKFLOWS:
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            matrix = job.get("strategy", {}).get("matrix", {})
            run |= sessions_run_by("\n".join(step.get("run", "") for step in job["steps"]), matrix)
    tree = ast.parse((ROOT / "noxfile.py").read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    sessions = {f.name for f in functions if any("nox.session" in ast.unparse(d) for d in f.decorator_list)}
    assert sessions == run


def test_the_workflow_tries_every_environment_of_the_matrix():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "nightly.yml").read_text())["jobs"]
    tried = jobs["matrix"]["strategy"]["matrix"]["include"]
    assert tried == [{"environment": each.name, "python": each.python} for each in ENVIRONMENTS]
    assert set(ENVIRONMENTS_TABLE.rows()) <= {each.name for each in ENVIRONMENTS}


def test_what_a_session_of_nox_runs_is_there():
    text = (ROOT / "noxfile.py").read_text()
    named = re.findall(r'"((?:tests|examples|benchmarks|packages|docs)/[\w./-]+)"', text)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_links_of_packages_work_where_packages_are_published():
    links = [
        (page.parent.name, link)
        for page in ROOT.glob("packages/*/README.md")
        for link in re.findall(r"\]\(([^)#][^)]*)\)", page.read_text())
    ]
    assert len(links) > 5
    assert [each for each in links if not each[1].startswith("https://")] == []
    assert [each for each in links if REPOSITORY in each[1] and not _place(ROOT, each[1]).exists()] == []


def _place(page: Path, link: str) -> Path:
    """Return what a page's link leads to; those of packages are whole addresses, for their pages are elsewhere, too."""
    name = re.sub(rf"^{REPOSITORY}/(?:blob|raw)/main/", "", link)
    return (page.parent / name).resolve() if name == link else ROOT / name.partition("#")[0]


def test_pictures_are_small_and_shown_with_a_text_and_none_is_left_over():
    shown = {}
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("packages/*/README.md")):
        found = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page.read_text())
        shown |= {_place(page, name): text for text, name in found}
    folder = ROOT / "docs" / "pictures"
    assert set(shown) == set(folder.iterdir())
    assert all(len(text) > 10 for text in shown.values())
    trained = {"flow.png", "shapes.png"}  # of noise, by examples that train for minutes
    assert [path.name for path in shown if path.stat().st_size > 100_000 and path.name not in trained] == []


def test_torch_hub_is_shown_with_the_trust_that_it_asks_for():
    pages = [ROOT / "hubconf.py", *ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("packages/*/README.md")]
    calls = [call for page in pages for call in re.findall(r"hub\.load\(\"org/zoo\"[^)]*\)", page.read_text())]
    assert len(calls) >= 4
    assert [call for call in calls if "trust_repo=True" not in call] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_can_be_read_and_its_jobs_are_limited_in_what_they_may(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert all("runs-on" in job and job["steps"] for job in workflow["jobs"].values())
