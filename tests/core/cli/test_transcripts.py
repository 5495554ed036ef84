"""What every command prints and exits with, given good, wrong and odd input, as the files in `transcripts/` have it.

With ZOO_RECORD_TRANSCRIPTS=1 they are written anew: what has changed is then read in the difference.
"""

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import zoo_digits
from zoo_core import get_model, save_model
from zoo_core.cli import main

from .transcripts import (
    FOLDER,
    Entry,
    normalised,
    read_transcript,
    run_entry,
    run_here,
    run_in_shell,
    run_in_terminal,
    write_transcript,
)

SAMPLES = Path(str(zoo_digits.__file__)).parent / "samples"
FILES = sorted(FOLDER.glob("*.txt"))
RECORDS = bool(os.environ.get("ZOO_RECORD_TRANSCRIPTS"))
ODD = {
    "list": "list tiny resnet18",
    "info": "info tiny",
    "download": "download tiny",
    "predict": "predict photos",
    "embed": "embed photos",
    "cache ls": "cache ls",
    "cache verify": "cache verify",
    "cache prune": "cache prune --name tiny --dry-run",
    "mirror export": "mirror export mirror tiny",
    "mirror push": "mirror push --repo lab/weights tiny",
    "mirror verify": "mirror verify wrong",
    "bundle create": "bundle create tiny -o odd.tar",
    "bundle load": "bundle load tiny.tar",
    "lock": "lock tiny",
    "push": "push runs/digits lab/digits",
    "doctor": "doctor",
    "evaluate": "evaluate --from run",
    "compare": "compare run",
    "train": "train pairs -m shufflenet_v2_x0_5_digits -o trained --epochs 1 --workers 0 --quiet",
    "export": "export --list",
    "migrate": "migrate programs/train.py",
}
"""An invocation of each command that prints something on stdout."""
PROGRAMS = {
    "train.py": "from torchvision import models, transforms\n\n"
    "# A network, and what its pictures go through.\n"
    "model = models.resnet18(weights='DEFAULT')  # IMAGENET1K_V1\n"
    "prepare = transforms.ToTensor()\n",
    "boxes.py": "from torchvision.ops import nms\n",
    "old.py": "import torchvision\nprint 'a'\n",
    "book.ipynb": '{"cells": [{"source": "import torchvision"}]}',
}
"""Files that use torchvision."""


def leaves(command: click.Command = main, name: str = "") -> Iterator[str]:
    """Yield the names of all commands that do something."""
    if not isinstance(command, click.Group):
        yield name
        return
    context = click.Context(command)
    for inner in command.list_commands(context):
        found = command.get_command(context, inner)
        assert found is not None
        yield from leaves(found, f"{name} {inner}".strip())


@pytest.fixture
def world(tiny, hub, install_tasks, tmp_path, monkeypatch):
    """A folder with images, a package with weights on a server, one with a command, and a Hub."""
    install_tasks()
    (tmp_path / "here" / "photos").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("HUB", os.environ["HF_ENDPOINT"])
    for name in ("four", "two"):
        shutil.copy(SAMPLES / f"{name}.png", "photos")
    Path("photos/notes.txt").write_text("no image")
    for name in ("four", "two"):
        Path("digits", name).mkdir(parents=True)
        shutil.copy(SAMPLES / f"{name}.png", Path("digits", name))
        Path("pairs", name).mkdir(parents=True)
        for number in (1, 2):
            shutil.copy(SAMPLES / f"{name}.png", Path("pairs", name, f"{number}.png"))
    Path("broken.png").write_bytes(b"no image")
    for name, code in PROGRAMS.items():
        Path("programs").mkdir(exist_ok=True)
        Path("programs", name).write_text(code)
    shutil.copytree("programs", "copies")
    save_model(get_model("shufflenet_v2_x0_5_digits", weights="DEFAULT"), "runs/digits", license="MIT")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.usefixtures("world")
@pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")
def test_commands_print_and_exit_as_in_the_transcript(path: Path) -> None:
    entries = read_transcript(path)
    ran = [Entry(entry.command, entry.comments, run_entry(entry.command)) for entry in entries]
    for entry in ran:
        assert entry.status in {0, 1, 2}, entry.text()
        assert "Traceback" not in entry.text()
    if RECORDS:
        write_transcript(path, ran)
        return
    for now, before in zip(ran, entries, strict=True):
        assert now.text() == before.text(), "If this is meant, record it: CONTRIBUTING.md."


def test_every_command_is_in_a_transcript_with_help_and_with_good_and_wrong_input() -> None:
    entries = [entry for path in FILES for entry in read_transcript(path)]
    for name in leaves():
        calls = [entry for entry in entries if entry.words[1 : 1 + len(name.split())] == name.split()]
        assert any("--help" in entry.words for entry in calls), f"no `zoo {name} --help`"
        assert 0 in {entry.status for entry in calls if "--help" not in entry.words}, f"no use of `zoo {name}` works"
        assert {1, 2} & {entry.status for entry in calls}, f"no wrong use of `zoo {name}`"


def test_every_command_is_tried_with_odd_streams() -> None:
    assert set(leaves()) == set(ODD)


@pytest.fixture
def odd_world(world):
    """A world in which every command of `ODD` prints something."""
    evaluate = "evaluate shufflenet_v2_x0_5_digits digits -o run -q"
    for arguments in ("download tiny", "bundle create tiny -o tiny.tar", evaluate):
        assert run_here(arguments.split())[2] == 0
    Path("wrong").mkdir()


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("stream", ["full", "closed"])
@pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")
def test_stdout_that_takes_nothing_ends_a_command_in_one_line(name: str, stream: str, odd_world: None) -> None:
    if stream == "full":
        taken: io.TextIOBase = Path("/dev/full").open("w")  # noqa: SIM115 # closed with what is left in its buffer
    else:
        read, write = os.pipe()
        os.close(read)
        taken = os.fdopen(write, "w")
    _, err, status = run_here(ODD[name].split(), taken)
    assert status == 1
    errors = [line for line in err.splitlines() if "rror" in line or "  File" in line]
    assert errors == (["Error: stdout cannot be written: No space left on device"] if stream == "full" else [])


@pytest.mark.parametrize("name", ODD)
@pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")
def test_encoding_that_lacks_characters_changes_no_status(name: str, odd_world: None) -> None:
    out = io.TextIOWrapper(io.BytesIO(), "latin-1")
    expected = 1 if name == "mirror verify" else 0
    assert run_here(ODD[name].split(), out)[2] == expected
    out.flush()
    assert out.buffer.getvalue().decode("latin-1")


@pytest.mark.parametrize("name", ["list", "info", "cache ls", "cache verify", "mirror verify", "doctor"])
@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")
def test_what_is_printed_fits_the_terminal_as_far_as_names_do(name: str, columns: int, odd_world: None) -> None:
    screen, _ = run_in_terminal(ODD[name].split(), columns)
    for line in screen.splitlines():
        if name != "doctor" and line.startswith(("Error", "1 file", "/", "ok ", "wrong")):
            continue
        assert len(line) <= columns or len(line.rpartition(" ")[0].rstrip()) <= columns, line


def test_colours_are_never_printed(odd_world: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for no_colour in ("", "1"):
        monkeypatch.setenv("NO_COLOR", no_colour)
        for command in ("list tiny", "info tiny", "doctor", "--help", "nonsense"):
            assert "\x1b" not in run_in_terminal(command.split(), 80)[0]


@pytest.mark.parametrize("command", ["zoo list", "zoo --help", "zoo predict photos --quiet"])
def test_process_without_room_for_its_output_says_so_once(command: str, world: None) -> None:
    _, err, status = run_in_shell(
        f"{command} --quiet > /dev/full" if "predict" in command else f"{command} > /dev/full"
    )
    assert (status, err) == (1, "Error: stdout cannot be written: No space left on device\n")


def test_process_whose_reader_has_gone_says_nothing(world: None) -> None:
    _, err, status = run_in_shell("zoo list --json | true; exit ${PIPESTATUS[0]}")
    assert (status, err) == (1, "")


def test_process_in_latin_1_replaces_what_it_cannot_print(world: None) -> None:
    out, err, status = run_in_shell("PYTHONIOENCODING=latin-1 zoo info ResNet50_Weights.DEFAULT")
    assert (status, err) == (0, "")
    assert "great white shark, \\u2026" in normalised(out)
