"""Run what the documentation shows: the examples of docstrings, and the Python blocks of the Markdown pages.

A public docstring's example imports what it uses, as its reader will copy it: nothing is at hand. A private one's
reader has its module open, so the names of that module are at hand. The blocks of a page are run one after the other,
as they are read. Examples find the files that they name in the current folder, and builders build what their weights
imply without a file. A page stops at the comment `<!-- needs: MODULE -->` where that module is not installed.

A guide says `<!-- commands are run -->` after its title. Its blocks of Bash are run, too, in their places among those
of Python, in an empty folder; weights are those that are here. What a block of text behind a block shows is what that
prints, where `…` stands for anything.

Run by `nox -s examples`.
"""

import ast
import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from PIL import Image

from core.cli.transcripts import run_here
from video.encoding import encode, grey_frames
from zoo_core import get_model, save_model
from zoo_core.building import without_files

ROOT = Path(__file__).parent.parent
SOURCES = sorted(ROOT.glob("packages/*/src/*/**/*.py"))
PAGES = [
    page
    for pattern in ("README.md", "docs/*.md", "docs/guides/*.md", "packages/*/README.md")
    for page in sorted(ROOT.glob(pattern))
    if "```python" in page.read_text() and "<!-- commands are run -->" not in page.read_text()
]
GUIDES = [page for page in sorted(ROOT.glob("docs/guides/*.md")) if "<!-- commands are run -->" in page.read_text()]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
BLOCK = re.compile(r"(?:<!-- needs: (\S+) -->\n+)?```python\n(.*?)```", re.DOTALL)
GUIDE_BLOCK = re.compile(
    r"^(?:<!-- needs: (?P<needed>\S+) -->\n+)?```(?P<language>python|bash)\n(?P<code>.*?)^```\n"
    r"(?:\n```text\n(?P<shown>.*?)^```\n)?",
    re.DOTALL | re.MULTILINE,
)


def module_of(path: Path) -> str:
    """Return the name by which a source file is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts[3:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def exported() -> frozenset[tuple[str, str]]:
    """Return the module and the name of all that the stubs of public modules export."""
    found = set()
    for stub in ROOT.glob("packages/*/src/**/__init__.pyi"):
        for node in ast.parse(stub.read_text()).body:
            if isinstance(node, ast.ImportFrom):
                package = module_of(stub)
                found |= {(f"{package}.{node.module}", alias.name) for alias in node.names}
    return frozenset(found)


def is_public(module: str, name: str) -> bool:
    """Whether users import this name: from its own module, or from a package that exports it."""
    return not any(part.startswith("_") for part in f"{module}.{name}".split(".")) or (
        (module, name.partition(".")[0]) in exported()
    )


def docstrings(node: ast.AST, name: str = "") -> Iterator[tuple[str, str, int]]:
    """Yield the name, the text and the line of each docstring in a module."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef):
            full = f"{name}.{child.name}".removeprefix(".")
            if text := ast.get_docstring(child, clean=False):
                yield full, text, child.body[0].lineno - 1
            yield from docstrings(child, full)
    if isinstance(node, ast.Module) and (text := ast.get_docstring(node, clean=False)):
        yield "", text, 0


def examples() -> Iterator[object]:
    """Yield the examples of all docstrings, a test for each docstring."""
    for path in SOURCES:
        for name, text, line in docstrings(ast.parse(path.read_text())):
            module = module_of(path)
            test = doctest.DocTestParser().get_doctest(text, {}, f"{module}.{name}", str(path.relative_to(ROOT)), line)
            if test.examples:
                yield pytest.param(test, module, is_public(module, name), id=test.name)


@pytest.mark.parametrize(("test", "module", "public"), list(examples()))
def test_docstring(test, module, public):
    test.globs = {} if public else dict(vars(import_module(module)))
    output = []
    result = doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=output.append)
    assert not result.failed, "".join(output)


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the Python blocks of a page, each with the name of a module that it needs, if any."""
    text = page.read_text()
    for block in BLOCK.finditer(text):
        first = text.count("\n", 0, block.start(2))
        yield block[1] or "", "\n" * first + textwrap.dedent(block[2])


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES])
def test_page(page):
    names = {}
    for needed, code in blocks(page):
        if needed and not find_spec(needed):
            pytest.skip(f"the rest of the page needs {needed}")
        with warnings.catch_warnings():
            if needed == "onnxscript":
                warnings.simplefilter("ignore", FutureWarning)  # the converter's are about itself
            exec(compile(code, page, "exec"), names)


@pytest.mark.parametrize("guide", [pytest.param(guide, id=str(guide.relative_to(ROOT))) for guide in GUIDES])
def test_guide(guide, capsys):
    names = {"__name__": "guide"}
    for block in GUIDE_BLOCK.finditer(guide.read_text()):
        if block["needed"] and not find_spec(block["needed"]):
            pytest.skip(f"the rest of the guide needs {block['needed']}")
        if block["language"] == "python":
            first = guide.read_text().count("\n", 0, block.start("code"))
            exec(compile("\n" * first + block["code"], guide, "exec"), names)
            printed = capsys.readouterr().out
        else:
            printed = run_commands(block["code"])
        if block["shown"]:
            assert_shown(block["shown"], printed)


def run_commands(block: str) -> str:
    """Run commands as in a shell; return what they print. Those of `zoo` alone are run in this process, for speed."""
    lines = [line for line in block.replace("\\\n", "").splitlines() if line.strip()]
    if not all(line.startswith("zoo ") and not re.search(r"[|<>&;$`]", line) for line in lines):
        return run_in_bash(block)
    printed = ""
    for line in lines:
        out, err, status = run_here(shlex.split(line, comments=True)[1:])
        assert status == 0, f"{line}\n{out}{err}"
        printed += out
    return printed


def run_in_bash(block: str) -> str:
    """Run commands in Bash, where `zoo`, `python` and `torchrun` are those of this environment."""
    programs = {"zoo": "-m zoo_core.cli", "python": "", "torchrun": "-m torch.distributed.run"}
    functions = "".join(f'{name}() {{ {sys.executable} {how} "$@"; }}\n' for name, how in programs.items())
    paths = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    script = f"set -euo pipefail\n{functions}{block}"
    done = subprocess.run(["bash", "-c", script], env=paths, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
    return done.stdout


def assert_shown(shown: str, printed: str) -> None:
    """Compare what a page shows with what was printed; spaces do not count, and `…` stands for anything."""
    pattern = r"\s+".join(".*".join(map(re.escape, word.split("…"))) for word in shown.split())
    assert re.search(rf"^\s*{pattern}\s*$", printed, re.DOTALL), f"shown:\n{shown}\nprinted:\n{printed}"


@pytest.fixture(scope="session")
def files_of_the_reader(tmp_path_factory):
    """Make the files that examples name."""
    folder = tmp_path_factory.mktemp("reader")
    by_class = ("my-photos/cat/1.jpg", "my-photos/dog/1.jpg", "animals/goldfish/1.jpg", "animals/hen/1.jpg")
    flowers = [f"flowers/{kind}/{number}.jpg" for kind in ("rose", "tulip") for number in range(4)]
    for name in (*flowers, "cat.jpg", "street.jpg", "frame1.png", "frame2.png", "photos/cat.jpg", *by_class):
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        Image.effect_noise((160, 128), 60).convert("RGB").save(folder / name)
    for name in ("clip.mp4", "long.mp4"):
        encode(folder / name, grey_frames(66, 720, 1280), rate=30)
    return folder


@pytest.fixture(scope="session")
def exported_model(tmp_path_factory):
    """Export the embedded model, for the examples that name such a file."""
    from zoo_export import export

    path = tmp_path_factory.mktemp("exported") / "digits.pt2"
    export("shufflenet_v2_x0_5_digits", "pt2", path, certificate=False)
    return path


@pytest.fixture(autouse=True)
def _in_the_place_of_the_reader(request, files_of_the_reader, tmp_path, monkeypatch):
    """Be in a folder with these files, where builders build what weights imply, without a file; a guide's is empty."""
    if "guide" in request.fixturenames:
        (tmp_path / "guide").mkdir()
        monkeypatch.chdir(tmp_path / "guide")
        with torch.random.fork_rng():
            torch.manual_seed(0)
            yield
        return
    folder = shutil.copytree(files_of_the_reader, tmp_path / "reader")
    test = getattr(request.node, "callspec", None) and request.node.callspec.params.get("test")
    if test and '"digits.pt2"' in test.docstring:
        shutil.copy(request.getfixturevalue("exported_model"), folder)
    monkeypatch.chdir(folder)
    if test and "local-dir:runs/digits" in test.docstring:
        save_model(get_model("shufflenet_v2_x0_5_digits", weights="DEFAULT"), "runs/digits")
    with without_files(), torch.random.fork_rng():
        torch.manual_seed(0)
        yield
