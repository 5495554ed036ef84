"""Runs the daily tests with other versions of PyTorch, of Python and of what else zoo stands on.

    nox -s matrix                   all of them, one after the other: hours
    nox -s matrix -- quick          the oldest and the newest PyTorch
    nox -s matrix -- torch-2.6      those that are named
    nox -s matrix -- quick -- -k nms    what comes after a second -- goes to pytest, and writes no table

Each has an environment of its own in build/matrix, several gigabytes, which is removed when its tests are through. The
table of docs/compatibility.md has a row for each; a row stays until its tests run again.
"""

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "compatibility.md"
PLACE = ROOT / "build" / "matrix"
TABLE = re.compile(r"(<!-- written by nox -s matrix -->\n).*?(<!-- end of the matrix -->)", re.DOTALL)
HEADER = ["environment", "Python", "torch", "passed", "skipped", "failed", "date"]


@dataclass(frozen=True)
class Environment:
    """An environment that zoo is tried in.

    Args:
        name: What it is called.
        python: The version of Python, `3.12`.
        torch: The version of PyTorch, as pip takes it.
        others: Of all else: any version, the lowest that the packages state, or the newest there is.
    """

    name: str
    python: str
    torch: str
    others: str = "any"

    def requirements(self) -> list[str]:
        """Return what is installed besides the workspace's packages."""
        lowest = lowest_requirements() if self.others == "lowest" else []
        return [f"torch{self.torch}", *lowest]


ENVIRONMENTS = [
    Environment("torch-2.6", "3.11", "==2.6.*"),
    Environment("torch-2.8", "3.12", "==2.8.*"),
    Environment("torch-2.10", "3.13", "==2.10.*"),
    Environment("torch-2.13", "3.11", "==2.13.*"),
    Environment("torch-2.14", "3.12", "==2.14.*"),
    Environment("torch-2.15", "3.13", "==2.15.*"),
    Environment("lowest", "3.11", "==2.13.*", others="lowest"),
    Environment("newest", "3.13", ">=2.15", others="newest"),
]
QUICK = ["torch-2.6", "torch-2.15"]


def main(*arguments: str) -> None:
    """Try what is named, and write the table."""
    names, for_pytest = split(arguments)
    unknown = sorted(set(names) - {each.name for each in ENVIRONMENTS})
    if unknown:
        sys.exit(f"There is no environment {', '.join(unknown)}: expected {', '.join(e.name for e in ENVIRONMENTS)}.")
    rows, failed = read_rows(), []
    for environment in ENVIRONMENTS:
        if environment.name not in names:
            continue
        row, failures = try_in(environment, for_pytest)
        rows[environment.name] = row
        print(" | ".join([environment.name, *row]), *(f"  failed: {each}" for each in failures), sep="\n", flush=True)
        failed += [environment.name] if failures or row[4] != "0" else []
        if not for_pytest:
            write_rows(rows)
    print(*table_of(rows), sep="\n")
    if failed:
        sys.exit(f"Not green: {', '.join(failed)}")


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the names of environments, and what goes to pytest."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    names = list(arguments[:end]) or [each.name for each in ENVIRONMENTS]
    return [each for name in names for each in (QUICK if name == "quick" else [name])], list(arguments[end + 1 :])


def lowest_requirements() -> list[str]:
    """Return the lowest versions that the packages state, but for PyTorch's."""
    lowest: dict[str, Version] = {}
    for file in ROOT.glob("packages/*/pyproject.toml"):
        for line in tomllib.loads(file.read_text(encoding="utf-8"))["project"]["dependencies"]:
            requirement = Requirement(line)
            bounds = [Version(each.version) for each in requirement.specifier if each.operator == ">="]
            if not requirement.name.startswith(("zoo-", "torch")):
                lowest[requirement.name] = max([*bounds, *filter(None, [lowest.get(requirement.name)])])
    return [f"{name}=={version}" for name, version in sorted(lowest.items())]


def try_in(environment: Environment, for_pytest: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return an environment's row without its name, and the tests that failed."""
    folder = PLACE / environment.name
    python = folder / "bin" / "python"
    started = time.monotonic()
    try:
        install(environment, folder, python)
        stated = subprocess.run(
            [python, "-c", "import platform, torch; print(platform.python_version(), torch.__version__.split('+')[0])"],
            check=True, capture_output=True, text=True,
        ).stdout.split()  # fmt: skip
        counts, failures = run_tests(python, for_pytest)
    except (OSError, subprocess.CalledProcessError) as error:
        today = str(datetime.now(UTC).date())
        return [environment.python, environment.torch, "-", "-", "cannot be installed", today], [str(error)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{environment.name}: {time.monotonic() - started:.0f} s", flush=True)
    return [*stated, *map(str, counts), str(datetime.now(UTC).date())], failures


def install(environment: Environment, folder: Path, python: Path) -> None:
    """Make an environment, without the versions that the project is tested with every day."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([interpreter(environment.python), "-m", "venv", folder], check=True)
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]["test"]
    editable = [part for each in sorted(ROOT.glob("packages/*")) for part in ("-e", str(each))]
    upgrade = ["--upgrade", "--upgrade-strategy", "eager"] if environment.others == "newest" else []
    pip = [str(python), "-m", "pip", "install", "-q", *upgrade]
    subprocess.run([*pip, *environment.requirements(), *editable, *groups], check=True, cwd=ROOT)


def interpreter(version: str) -> Path:
    """Return a Python of a version that runs; pyenv has commands for those, too, that it has not been told to use.

    Raises:
        FileNotFoundError: There is none.
    """
    name = f"python{version}"
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{version}.*/bin/{name}")
    on_path = shutil.which(name)
    for path in [*([Path(on_path)] if on_path else []), *sorted(kept)]:
        if subprocess.run([path, "--version"], check=False, capture_output=True).returncode == 0:
            return path
    raise FileNotFoundError(f"There is no Python {version} here.")


def run_tests(python: Path, for_pytest: Sequence[str]) -> tuple[tuple[int, int, int], list[str]]:
    """Return how many tests passed, were skipped and failed, and the names of the last."""
    report = PLACE / "report.xml"
    report.unlink(missing_ok=True)
    command = [
        str(python),
        "-m",
        "pytest",
        "-q",
        "-n",
        "auto",
        "--maxprocesses",
        "4",
        f"--junitxml={report}",
        *for_pytest,
    ]
    environ = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    environ |= {"OMP_NUM_THREADS": "1", "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(command, check=False, cwd=ROOT, env=environ)
    if not report.exists():
        raise OSError("pytest has ended without a report.")
    cases = list(ET.parse(report).getroot().iter("testcase"))
    failures = [each for each in cases if each.find("failure") is not None or each.find("error") is not None]
    skipped = sum(each.find("skipped") is not None for each in cases)
    names = [f"{each.get('classname')}::{each.get('name')}" for each in failures]
    return (len(cases) - skipped - len(failures), skipped, len(failures)), names


def read_rows() -> dict[str, list[str]]:
    """Return the rows that the page has, by the name of their environment."""
    found = TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None, f"{PAGE.name} has lost its matrix"
    lines = [re.split(r" *\| *", line.strip("| ")) for line in found[0].splitlines() if line.startswith("| ")]
    return {name: cells for name, *cells in lines if name != HEADER[0]}


def table_of(rows: dict[str, list[str]]) -> Iterator[str]:
    """Give the lines of the table, in the order of the environments."""
    yield f"| {' | '.join(HEADER)} |"
    yield "|---" * len(HEADER) + "|"
    for environment in ENVIRONMENTS:
        if environment.name in rows:
            yield f"| {' | '.join([environment.name, *rows[environment.name]])} |"


def write_rows(rows: dict[str, list[str]]) -> None:
    """Write the table into the page."""
    text = "\n".join(["", *table_of(rows), ""])
    page = TABLE.sub(lambda found: f"{found[1]}{text}\n{found[2]}", PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
