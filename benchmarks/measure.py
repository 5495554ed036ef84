"""What every benchmark shares: runs in turn, medians, and a table of ratios. Machines are noisy: only ratios count."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def in_turn(functions: Sequence[Callable[[], T]], rounds: int, *, warm_up: int = 1) -> list[list[T]]:
    """Call the functions one after the other, round by round; give the results of each, but those of warming up."""
    results = [[function() for function in functions] for _ in range(warm_up + rounds)][warm_up:]
    return [list(each) for each in zip(*results, strict=True)]


def process_seconds(code: str, *arguments: str) -> Callable[[], float]:
    """Return a function that measures a fresh Python running `code`, from start to end."""

    def measure() -> float:
        started = time.perf_counter()
        command = [sys.executable, "-c", code, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=_environment())
        return time.perf_counter() - started

    return measure


def process_figure(code: str, *arguments: str) -> Callable[[], float]:
    """Return a function that runs `code` in a fresh Python and reads the figure on the last line of its output."""
    measure = process_figures(code, *arguments)
    return lambda: measure()[0]


def process_figures(code: str, *arguments: str) -> Callable[[], list[float]]:
    """Return a function that runs `code` in a fresh Python and reads all figures on the last line of its output."""

    def measure() -> list[float]:
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=_environment())
        return [float(figure) for figure in done.stdout.splitlines()[-1].split()]

    return measure


def _environment() -> dict[str, str]:
    """Return this process's environment; the first round may compile what it imports, as an installation does."""
    return os.environ | {"PYTHONDONTWRITEBYTECODE": ""}


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the ratios theirs : ours, pair by pair."""
    return statistics.median(their / our for our, their in zip(ours, theirs, strict=True))


def milliseconds(seconds: Sequence[float]) -> str:
    """Write the median of some times."""
    return f"{statistics.median(seconds) * 1e3:.1f} ms"


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a Markdown table, with a line about the machine; add it to the files of `BENCHMARK_RESULTS`, where set."""
    facts = {
        "title": title,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "header": header,
        "rows": [list(map(str, row)) for row in rows],
    }
    text = markdown(facts)
    print(text, flush=True)
    folder = os.environ.get("BENCHMARK_RESULTS")
    if folder:
        for name, line in (("results.md", text), ("results.jsonl", json.dumps(facts, ensure_ascii=False))):
            with (Path(folder) / name).open("a", encoding="utf-8") as file:
                print(line, file=file)


def markdown(facts: Mapping[str, Any]) -> str:
    """Write a table, as `results.jsonl` has it, in Markdown."""
    table = [f"| {' | '.join(row)} |" for row in (facts["header"], *facts["rows"])]
    table.insert(1, f"|{'|'.join('---' if column == 0 else '---:' for column in range(len(facts['header'])))}|")
    return "\n".join([f"\n## {facts['title']}\n\n{facts['date']}, {facts['machine']}\n", *table])


def machine() -> str:
    """Describe what the figures were taken on."""
    names = ("torch", "torchvision", "zoo-core")
    versions = ", ".join(f"{name} {_version(name)}" for name in names)
    cores = _cores()
    return f"{_processor()}, {cores} core{'s' if cores > 1 else ''}, Python {platform.python_version()}, {versions}"


def _processor() -> str:
    """Return the processor's name, where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _cores() -> int:
    return json.loads(subprocess.check_output([sys.executable, "-c", "import os; print(len(os.sched_getaffinity(0)))"]))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
