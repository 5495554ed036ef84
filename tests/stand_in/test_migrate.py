"""Programs that use torchvision in many ways, what becomes of each, and that the result runs without torchvision.

Each file in `programs/` has a program, the one that it becomes, and what is left in it.
"""

import sys
from pathlib import Path

import pytest
import torch

from zoo_core.building import without_files
from zoo_torchvision.migrate import Migration, MigrationError, migrate_files, migrate_source
from zoo_torchvision.migrate._hub import REPOSITORY

FOLDER = Path(__file__).parent / "programs"
ROOT = Path(__file__).parents[2]
PROGRAMS = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.txt"))}


def parts(name: str) -> tuple[str, str, str]:
    """Return a program, what it becomes, and what is left, a line each."""
    before, _, rest = PROGRAMS[name].removeprefix("=== before\n").partition("=== after\n")
    after, _, left = rest.partition("=== left\n")
    return before, after, left


def listed(migration: Migration) -> str:
    return "".join(f"{line}: {', '.join(names)}: {reason}\n" for line, names, reason in migration.left)


WHOLE = [name for name in PROGRAMS if not parts(name)[2]]
"""The programs of which nothing is left."""


def test_there_are_at_least_twenty_programs_and_most_become_whole():
    assert len(PROGRAMS) >= 30
    assert len(WHOLE) >= 20


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_becomes_what_is_expected_and_what_is_left_is_listed(name):
    before, after, left = parts(name)
    migration = migrate_source(before)
    assert migration.after.decode() == after
    assert listed(migration) == left


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_second_time_changes_nothing(name):
    again = migrate_source(parts(name)[1])
    assert not again.is_changed


@pytest.fixture
def _without_torchvision(monkeypatch):
    """Let an import of torchvision fail, and torch.hub find zoo here."""
    monkeypatch.setitem(sys.modules, "torchvision", None)

    def found(repository, _reload, trust_repo, *_args, **_kwargs):
        assert (repository, trust_repo) == (REPOSITORY, True)
        return str(ROOT)

    monkeypatch.setattr(torch.hub, "_get_cache_or_reload", found)
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.usefixtures("_without_torchvision")
def test_a_program_of_which_nothing_is_left_runs_without_torchvision(name):
    with without_files(), torch.random.fork_rng():
        exec(compile(parts(name)[1], name, "exec"), {"__name__": "program"})


@pytest.mark.parametrize(
    "source",
    [
        "import torch\n",
        "# torchvision is not imported\n",
        "import torchvision_extra\n",
        "from .torchvision import models\n",
        "from torchvision.datasets import CocoDetection\n",
        "class Net:\n    import torchvision.ops as ops\n    nms = ops.nms\n",
        "from torchvision import models\n\ndel models\n",
    ],
)
def test_a_program_stays_byte_for_byte_where_nothing_is_to_do(source):
    assert migrate_source(source).after == source.encode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"from torchvision.ops import nms\r\n", b"from zoo_detection.ops import nms\r\n"),
        (b"\xef\xbb\xbffrom torchvision.ops import nms\n", b"\xef\xbb\xbffrom zoo_detection.ops import nms\n"),
        (
            "# -*- coding: latin-1 -*-\nfrom torchvision.ops import nms  # für\n".encode("latin-1"),
            "# -*- coding: latin-1 -*-\nfrom zoo_detection.ops import nms  # für\n".encode("latin-1"),
        ),
        (b"from torchvision.ops import nms", b"from zoo_detection.ops import nms"),
        (
            b"if 1:\n\tfrom torchvision.ops import nms, MLP",
            b"if 1:\n\tfrom zoo_detection.ops import nms\n\tfrom zoo_core.layers import MLP",
        ),
    ],
    ids=["Windows", "byte order mark", "Latin-1", "no last line's end", "tabs"],
)
def test_encoding_ends_of_lines_and_tabs_stay(before, after):
    assert migrate_source(before).after == after


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import torchvision\nprint 'a'\n", "^line 2: Missing parentheses in call to 'print'"),
        (b"import torchvision # \xff\n", "(utf-8|encoding declaration)"),
        (b"# coding: no-such-code\nimport torchvision\n", "encoding.*: no-such-code"),
        ("import torchvision\nx = " + "(" * 5000 + ")" * 5000, "^line 2: too many nested parentheses"),
        ("import torchvision\nx = 1" + " + 1" * 2500, "^its expressions are nested too deeply"),
        ("import torchvision\nx = 1" + " + 1" * 50000, "^its expressions are nested too deeply"),
        ("import torchvision\nx = '\0'\n", "^it has null bytes"),
    ],
    ids=["Python 2", "UTF-8", "encoding", "parentheses", "a long sum", "a longer sum", "null"],
)
def test_what_is_no_python_is_refused_with_its_place(source, message):
    with pytest.raises(MigrationError, match=message):
        migrate_source(source)


@pytest.fixture
def place(tmp_path):
    """A folder with a program, one that is damaged, a notebook, and what is passed over."""
    source = "from torchvision.ops import nms\n"
    for name in ("a.py", "inside/b.py", ".git/c.py", "venv/d.py", "__pycache__/e.py", "notes.txt", "same.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("import torch\n" if name == "same.py" else source)
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    (tmp_path / "damaged.py").write_text("import torchvision\nprint 'a'\n")
    (tmp_path / "book.ipynb").write_text('{"cells": [{"source": "import torchvision"}]}')
    return tmp_path


def names(results, place):
    return [result.path.relative_to(place).as_posix() for result in results]


def test_folders_are_searched_and_what_is_not_the_users_own_is_passed_over(place):
    results = list(migrate_files([place, place / "a.py"]))
    assert names(results, place) == ["a.py", "book.ipynb", "damaged.py", "inside/b.py"]
    assert [bool(result.error) for result in results] == [False, False, True, False]
    assert results[1].migration.left[0].reason.startswith("notebooks are not migrated")
    assert (place / "a.py").read_text() == "from torchvision.ops import nms\n"


def test_written_files_are_whole_and_keep_their_permissions_and_links(place):
    (place / "a.py").chmod(0o755)
    (place / "inside" / "link.py").symlink_to("../a.py")
    list(migrate_files([place / "inside" / "link.py"], write=True))
    assert (place / "a.py").read_text() == "from zoo_detection.ops import nms\n"
    assert (place / "a.py").stat().st_mode & 0o777 == 0o755
    assert (place / "inside" / "link.py").is_symlink()
    assert not list(place.rglob("*.partial"))


def test_a_file_that_cannot_be_written_is_named_and_stays_and_the_others_go_on(place, monkeypatch):
    replace = Path.replace

    def refusing(self, target):
        if Path(target).name == "a.py":
            raise PermissionError(13, "Permission denied")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refusing)
    results = {result.path.name: result for result in migrate_files([place], write=True)}
    assert results["a.py"].error == "Permission denied"
    assert not results["a.py"].migration.is_changed
    assert (place / "a.py").read_text() == "from torchvision.ops import nms\n"
    assert (place / "inside" / "b.py").read_text() == "from zoo_detection.ops import nms\n"
    assert not list(place.rglob("*.partial"))


def test_nothing_is_touched_where_a_path_is_not_there(place):
    with pytest.raises(FileNotFoundError, match=r"There is no file or folder .*absent"):
        list(migrate_files([place, place / "absent"], write=True))
    assert (place / "a.py").read_text() == "from torchvision.ops import nms\n"


def test_a_diff_is_what_patch_reads(tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes(b"from torchvision.ops import nms")
    (result,) = migrate_files([path])
    assert result.diff().splitlines() == [
        f"--- a{path}",
        f"+++ b{path}",
        "@@ -1 +1 @@",
        "-from torchvision.ops import nms",
        "\\ No newline at end of file",
        "+from zoo_detection.ops import nms",
        "\\ No newline at end of file",
    ]
