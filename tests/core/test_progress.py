"""How far something is: a bar in a terminal, else a line every ten seconds, else nothing."""

import errno
import io
import sys

import pytest

from zoo_core import _progress
from zoo_core._progress import show_progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    now = [0.0]
    monkeypatch.setattr(_progress.time, "monotonic", lambda: now[0])
    return now


def work(clock, count=60, **more):
    with show_progress("tiny.pth", **more) as shown:
        for second in range(1, count + 1):
            clock[0] = float(second)
            shown.update(2**20)


def test_without_a_terminal_a_line_is_written_every_ten_seconds(clock, capsys):
    work(clock, total=120 * 2**20, unit="B")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "tiny.pth: 10.0 of 120.0 MiB, 1:50 left"
    assert len(lines) == 6


def test_what_takes_less_is_worth_no_line(clock, capsys):
    work(clock, 9, total=9 * 2**20, unit="B")
    assert capsys.readouterr().err == ""


def test_number_that_is_not_known_is_not_stated(clock, capsys):
    with show_progress("hf://lab/weights", unit="files") as shown:
        clock[0] = 11.0
        shown.update()
    assert capsys.readouterr().err == "hf://lab/weights: 1 files\n"


def test_nothing_is_shown_where_it_is_not_wanted(clock, capsys):
    work(clock, total=60, unit="B", is_shown=False)
    assert capsys.readouterr().err == ""


def test_terminal_gets_a_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    with show_progress("tiny.pth", total=4, unit="B") as shown:
        shown.update(4)
    assert "tiny.pth" in sys.stderr.getvalue()
    assert "\r" in sys.stderr.getvalue()


def test_stderr_that_takes_nothing_does_not_end_the_work(clock, monkeypatch):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    work(clock, total=60 * 2**20, unit="B")
    assert clock == [60.0]
