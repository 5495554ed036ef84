"""How `zoo predict` goes: looking for work, building the model, predicting, telling."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing
from itertools import chain
from pathlib import Path

import click

from zoo_core._registry import get_model_entry
from zoo_core.files import ResolvedFile, resolving_once
from zoo_core.prediction import Failure, FramesOfVideo, PredictionJob, PredictionRun, Row, Source, find_device
from zoo_core.prediction import find_sources as look_for
from zoo_core.prediction._run import advice_on
from zoo_core.prediction._stamp import is_stamped

from ._common import counted
from ._progress import Count, Shown, Ticker, is_terminal, step
from ._terminal import JsonArray, echo, note, printable, terminal_line

_FAILURES_SHOWN = 3
"""Of a run whose rows go into a file."""


def run_job(job: PredictionJob, paths: tuple[Path, ...], *, was_named: bool, as_json: bool, quiet: bool) -> None:
    """Do what a job says, and tell of it.

    Args:
        job: It.
        paths: Its sources.
        was_named: Whether the user named the model.
        as_json: Print JSON.
        quiet: Tell nothing but results and errors.

    Raises:
        ValueError: There is nothing to predict on.
        FileNotFoundError: None of the paths exists.
        click.ClickException: Some of the inputs could not be read.
    """
    _check_there(paths)
    listed = _Listed(job.find_sources(strict=False))
    with step("looking for inputs", quiet=quiet):
        first = next(iter(listed), None)
    if first is None:
        raise ValueError(f"No {job.media} were found there, which is what {job.model} predicts on.{_hints(job, paths)}")
    with job.open_run(chain([first], listed)) as run:
        kept = run.results
        if kept is not None and kept.rows:
            is_are = "row is" if kept.rows == 1 else "rows are"
            note(f"{kept.rows} {is_are} in {kept.kept_in} already", quiet=quiet)
        with step("looking for inputs without a row", quiet=quiet):
            is_left = run.upcoming.has(1)
        printer = _Printer(listed, prints=job.output is None, as_json=as_json)
        with printer:
            if is_left:
                _predict(job, run, printer, was_named=was_named, quiet=quiet)
            else:
                note("nothing is left to do", quiet=quiet)
    rows, failures = (printer.rows, printer.failures) if kept is None else (kept.rows, kept.failures)
    _tell_where(job, rows, printer.pictures, quiet=quiet)
    if failures:
        retry = "" if is_left else " --retry tries them again."
        kind = job.media.removesuffix("s") if job.every is None else "input"
        raise click.ClickException(f"{failures} of {counted(rows, kind)} could not be read.{retry}")


def _predict(job: PredictionJob, run: PredictionRun, printer: "_Printer", *, was_named: bool, quiet: bool) -> None:
    def told(what: str) -> AbstractContextManager[object]:
        return step(what, quiet=quiet)

    with told("loading torch"):
        find_device(job.device)  # before anything is fetched
    with resolving_once():
        _tell_model(job, job.resolve(), was_named=was_named, quiet=quiet)
        predictor = job.load_predictor(run.upcoming, told)
    if quiet or (printer.prints and sys.stdout is not None and sys.stdout.isatty()):
        for row in run.predict(predictor):
            printer.add(row)
        return
    sources = None if job.every else (source for source in job.find_sources(strict=False) if not run.has(source))
    with closing(Count(sources)) as count, Ticker(Shown(count.text)):
        for row in run.predict(predictor):
            count.add()
            printer.add(row)


def _check_there(paths: tuple[Path, ...]) -> None:
    """Refuse a run on nothing; where some paths are there, the others are failures among its rows."""
    for path in paths:
        try:
            path.lstat()
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            return
        return
    raise FileNotFoundError(f"There is no file or folder {', '.join(map(str, paths))}.")


def _hints(job: PredictionJob, paths: tuple[Path, ...]) -> str:
    """Say what there is instead of inputs."""
    other = "images" if job.media == "videos" else "videos"
    found = next(look_for(paths, "images" if job.media == "videos" else "videos", strict=False), None)
    folders = [path for path in paths if path.is_dir()]
    if found is not None:
        return f" There are {other}, such as {found}. {advice_on(other)}"
    if any(is_stamped(picture) for folder in folders for picture in folder.rglob("*.png")):
        return " Pictures that zoo has drawn are left out; give them by name."
    return ""


def _tell_model(job: PredictionJob, file: ResolvedFile, *, was_named: bool, quiet: bool) -> None:
    """Tell which weights are used and why, where they are from, and that they were verified."""
    note(f"model    {job.model} ({job.entry})", quiet=quiet)
    if not was_named:
        note(f"         {_why(job)}", quiet=quiet)
    note(f"weights  from {file.source}: {file.path}", quiet=quiet)
    compared = {
        "full digest": "verified",
        "prefix": "verified against the prefix in its name",
        "unknown": "not verifiable",
    }
    note(f"SHA-256  {file.sha256} ({compared[file.verified]})", quiet=quiet)


def _why(job: PredictionJob) -> str:
    """Say why a model was taken that nobody has named, what it knows, and which to take otherwise."""
    meta = job.entry.meta
    categories = meta.get("categories") or ()
    knows = f" It knows {', '.join(categories[:3])}, … {categories[-1]}, and nothing else." if categories else ""
    instead = [f" For {what}: --model {model}." for what, model in meta.get("_instead", {}).items()]
    package = get_model_entry(job.model).module
    return (
        f"taken since no --model was given: it comes inside {package}, and needs no network.{knows}{''.join(instead)}"
    )


def _tell_where(job: PredictionJob, rows: int, pictures: int, *, quiet: bool) -> None:
    if job.output is not None:
        note(f"{counted(rows, 'row')} in {job.output}", quiet=quiet)
    if job.raw is not None:
        note(f"raw results in {job.raw}", quiet=quiet)
    if job.save is not None:
        note(f"{counted(pictures, 'picture' if job.every is None else 'video')} in {job.save}", quiet=quiet)


class _Listed:
    """The sources, gone through once, and the width of the longest name among those that have been listed so far."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources = sources
        self.width = 0

    def __iter__(self) -> Iterator[Source]:
        for source in self._sources:
            self.width = max(self.width, len(printable(source)))
            yield source


class _Printer:
    """Prints rows while they come, and counts them; of those that go into a file, only failures, and few."""

    def __init__(self, listed: _Listed, *, prints: bool, as_json: bool) -> None:
        self.prints = prints
        self.rows = self.failures = self.pictures = 0
        self._listed = listed
        self._array = JsonArray() if prints and as_json else None

    def __enter__(self) -> "_Printer":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._array is not None:
            self._array.__exit__(*exception)

    def add(self, row: Row) -> None:
        """Print a row."""
        failed = isinstance(row.prediction, Failure)
        self.rows += 1
        self.failures += failed
        self.pictures += "picture" in row.files
        if self._array is not None:
            self._array.add(row.to_dict())
        elif failed:
            self._print_failure(row.prediction.summary())
        elif self.prints and not isinstance(row.prediction, FramesOfVideo):
            self._print(row)

    def _print(self, row: Row) -> None:
        source, lines = printable(row.prediction.source), row.prediction.lines()
        summary = counted(len(lines), "object") if lines else row.prediction.summary()
        echo(f"{source.ljust(self._listed.width)}  {summary}")
        for line in lines:
            echo(f"  {line}")

    def _print_failure(self, reason: str) -> None:
        if not self.prints and self.failures > _FAILURES_SHOWN:
            return
        if is_terminal():
            terminal_line("")
        more = "" if self.prints or self.failures < _FAILURES_SHOWN else " (The rows tell of those that follow.)"
        echo(f"{reason}{more}", err=True)
