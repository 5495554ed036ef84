"""Transcripts of the command line: files of commands with what they print and their exit status, and how one is run.

A line `$ zoo …` is run in this process, `$ terminal 40 zoo …` likewise in a terminal of 40 columns, and a line with a
redirection, or of another command, in a shell of its own. Under it are what it printed, `1| ` on stdout, `2| ` on
stderr, ` | ` on the terminal, and `= 0`, its exit status. Lines that begin with `#` are comments.
"""

import fcntl
import io
import logging
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

from zoo_core.cli import main
from zoo_core.files.sources._asked_once import forget_answers

FOLDER = Path(__file__).with_name("transcripts")
_ASSIGNMENT = re.compile(r"([A-Z_]+)=(.*)")
_PACKAGES = str(Path(__file__).parents[3] / "packages")


@dataclass
class Entry:
    """A command, with the comments above it, and what it did."""

    command: str
    comments: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    @property
    def words(self) -> list[str]:
        """The words of the command, from `zoo` on."""
        words = shlex.split(self.command)
        return words[words.index("zoo") :] if "zoo" in words else words

    @property
    def status(self) -> int:
        """The exit status."""
        return int(self.lines[-1].removeprefix("= "))

    def text(self) -> str:
        """The entry as it stands in a file."""
        return "\n".join([*self.comments, f"$ {self.command}", *self.lines, ""])


def read_transcript(path: Path) -> list[Entry]:
    """Read a file of entries."""
    entries: list[Entry] = []
    comments: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            comments.append(line)
        elif line.startswith("$ "):
            entries.append(Entry(line[2:], comments))
            comments = []
        elif line:
            entries[-1].lines.append(line)
    return entries


def write_transcript(path: Path, entries: list[Entry]) -> None:
    """Write a file of entries."""
    path.write_text("\n".join(entry.text() for entry in entries), encoding="utf-8")


def run_entry(command: str) -> list[str]:
    """Run a command in the folder and with the environment of now; return its lines, normalised, and its status."""
    forget_answers()  # as a new process
    words = shlex.split(command)
    if not {"zoo"} & set(words) or re.search(r"[<>|]", command):
        out, err, status = run_in_shell(command)
        shown = [*_marked("1| ", out), *_marked("2| ", err)]
    elif words[0] == "terminal":
        screen, status = run_in_terminal(words[3:], int(words[1]))
        shown = _marked(" | ", screen)
    else:
        number = words.index("zoo")
        given = dict(word.split("=", 1) for word in words[:number])
        with environment(given):
            out, err, status = run_here(words[number + 1 :])
        shown = [*_marked("1| ", out), *_marked("2| ", err)]
    return [*shown, f"= {status}"]


def run_here(arguments: list[str], stdout: io.TextIOBase | None = None) -> tuple[str, str, int]:
    """Run `zoo` in this process; return what it printed, unless to a stream that is given, and its exit status."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    with redirect_stdout(stdout or out), redirect_stderr(err), _fresh_log():
        status = _status_of(lambda: main(arguments, prog_name="zoo"))
        err.flush()
        out.flush()
    return *(stream.buffer.getvalue().decode() for stream in (out, err)), status  # type: ignore[return-value]


def run_in_terminal(arguments: list[str], columns: int) -> tuple[str, int]:
    """Run `zoo` in this process and a terminal; return what is on the screen, and the exit status."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    screen = bytearray()

    def read() -> None:
        try:
            while block := os.read(ours, 1 << 16):
                screen.extend(block)
        except OSError:  # the other side is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    with (
        os.fdopen(theirs, "w", encoding="utf-8") as stream,
        redirect_stdout(stream),
        redirect_stderr(stream),
        _fresh_log(),
    ):
        with environment({"COLUMNS": str(columns)}):  # which click reads for its help
            status = _status_of(lambda: main(arguments, prog_name="zoo"))
        stream.flush()
    reader.join()
    os.close(ours)
    return screen.decode().replace("\r\n", "\n"), status


def run_in_shell(command: str) -> tuple[str, str, int]:
    """Run a command of the shell, in which `zoo` is the command line."""
    zoo = f'zoo() {{ {shlex.quote(sys.executable)} -m zoo_core.cli "$@"; }}\n'
    paths = [path for path in sys.path if path]
    with environment({"PYTHONPATH": os.pathsep.join(paths)}):
        done = subprocess.run(["bash", "-c", f"set -o pipefail; {zoo}{command}"], capture_output=True, check=False)
    return done.stdout.decode(errors="backslashreplace"), done.stderr.decode(errors="backslashreplace"), done.returncode


@contextmanager
def environment(given: Mapping[str, str]) -> Iterator[None]:
    """Set variables for a while."""
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _fresh_log() -> Iterator[None]:
    """Let the command line set up the log, as in a new process."""
    root, zoo = logging.getLogger(), logging.getLogger("zoo")
    before, level, own = root.handlers, root.level, zoo.level
    root.handlers = []
    try:
        yield
    finally:
        root.handlers = before
        root.setLevel(level)
        zoo.setLevel(own)


def _status_of(run: Callable[[], object]) -> int:
    """Return the status that a run exits with. An exception is none that a user may see: it is raised."""
    try:
        run()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _marked(mark: str, text: str) -> list[str]:
    return [f"{mark}{line}".rstrip() for line in normalised(text).splitlines()]


def normalised(text: str) -> str:
    """Replace what is another one in each run: folders, ports, times, digests, versions, sizes of disks."""
    here = Path.cwd()
    text = text.replace(str(here), "/here").replace(str(here.parent), "/temporary").replace(_PACKAGES, "/packages")
    for pattern, replacement in (
        (r"(127\.0\.0\.1:)\d{2,5}\b", r"\1PORT"),
        (r"\b[0-9a-f]{64}\b", "SHA-256"),
        (r"@[0-9a-f]{40}\b", "@COMMIT"),
        (r"SHA-256 [0-9a-f]{16}…", "SHA-256 DIGITS…"),
        (r"(tiny_\d-)[0-9a-f]{8}(\.pth\n +sha256  )?(?(2)[0-9a-f]{8})", r"\1DIGITS\2"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00", "TIME"),
        (r"[\d,]+\.\d MiB free", "N MiB free"),
        (r"(?m)^(ok    (?:Python|torch|huggingface-hub|safetensors|pillow|filelock|lazy-loader) +)\d.*$", r"\1VERSION"),
        (r"zoo, version .*", "zoo, version VERSION"),
        (r'"bytes": \d{4}\b', '"bytes": N'),
    ):
        text = re.sub(pattern, replacement, text)
    return text
