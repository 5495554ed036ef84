"""Runs the daily tests with other versions of PyTorch, of Python and of what else zoo stands on, and exports with them.

    nox -s matrix                   all of them, one after the other: hours
    nox -s matrix -- quick          the oldest and the newest PyTorch
    nox -s matrix -- torch-2.6      those that are named
    nox -s matrix -- torch-2.6 --again      what failed there the last time, and exports
    nox -s matrix -- quick -- -k nms        what comes after a second -- goes to pytest, and writes no table

Each has an environment of its own in build/matrix, several gigabytes, which is removed when all its tests have passed.
Rows of docs/compatibility.md and docs/export.md stay until they are measured again.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from page_tables import PageTable, table_of

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "build" / "matrix"
ENVIRONMENTS_TABLE = PageTable(ROOT / "docs" / "compatibility.md", "environments")
HEADER = ["environment", "Python", "torch", "passed", "skipped", "failed", "date"]
SKIPPED_TABLE = PageTable(ROOT / "docs" / "compatibility.md", "what is skipped")
EXPORTS_TABLE = PageTable(ROOT / "docs" / "export.md", "versions")


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


@dataclass(frozen=True)
class Outcome:
    """What the tests of an environment came to.

    Args:
        passed: How many passed.
        skipped: Of each reason why tests were skipped, how many it was.
        failures: The names of those that failed.
    """

    passed: int
    skipped: Mapping[str, int]
    failures: Sequence[str]

    @classmethod
    def read(cls, report: Path) -> "Outcome":
        """Read pytest's report, an XML file of JUnit's kind."""
        cases = list(ET.parse(report).getroot().iter("testcase"))
        failures = [each for each in cases if each.find("failure") is not None or each.find("error") is not None]
        skipped = [found for each in cases if (found := each.find("skipped")) is not None]
        return cls(
            len(cases) - len(skipped) - len(failures),
            Counter(" ".join(each.get("message", "").split()) for each in skipped),
            [f"{each.get('classname')}::{each.get('name')}" for each in failures],
        )


def main(*arguments: str) -> None:
    """Try what is named, and write the tables."""
    names, again, for_pytest = split(arguments)
    unknown = sorted(set(names) - {each.name for each in ENVIRONMENTS})
    if unknown:
        sys.exit(f"There is no environment {', '.join(unknown)}: expected {', '.join(e.name for e in ENVIRONMENTS)}.")
    failed = []
    for environment in ENVIRONMENTS:
        if environment.name not in names:
            continue
        before = ENVIRONMENTS_TABLE.rows().get(environment.name) if again else None
        row, failures = try_in(environment, for_pytest, before)
        print(" | ".join([environment.name, *row]), *(f"  failed: {each}" for each in failures), sep="\n", flush=True)
        failed += [environment.name] if failures or row[4] != "0" else []
        if not for_pytest:
            write_row(ENVIRONMENTS_TABLE, HEADER, environment.name, row)
    print(*table_of(HEADER, ENVIRONMENTS_TABLE.rows()), sep="\n")
    if failed:
        sys.exit(f"Not green: {', '.join(failed)}")


def split(arguments: Sequence[str]) -> tuple[list[str], bool, list[str]]:
    """Return the names of environments, whether it is about what failed there, and what goes to pytest."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    named = [each for each in arguments[:end] if each != "--again"]
    names = named or [each.name for each in ENVIRONMENTS]
    expanded = [each for name in names for each in (QUICK if name == "quick" else [name])]
    return expanded, "--again" in arguments[:end], list(arguments[end + 1 :])


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


def try_in(
    environment: Environment, for_pytest: Sequence[str], before: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """Return an environment's row without its name, and the tests that failed.

    Args:
        environment: The environment.
        for_pytest: Arguments of pytest's.
        before: The row of a run whose failures are tried again, in the environment that it has left.
    """
    folder = PLACE / environment.name
    python = folder / "bin" / "python"
    started = time.monotonic()
    today = str(datetime.now(UTC).date())
    try:
        if before is None or not python.exists():
            install(environment, folder, python)
            before = None
        stated = subprocess.run(
            [python, "-c", "import platform, torch; print(platform.python_version(), torch.__version__.split('+')[0])"],
            check=True, capture_output=True, text=True,
        ).stdout.split()  # fmt: skip
        outcome = run_tests(python, folder, ["--last-failed", *for_pytest] if before else for_pytest)
    except (OSError, subprocess.CalledProcessError) as error:
        return [environment.python, environment.torch, "-", "-", "cannot be run", today], [str(error)]
    failures = list(outcome.failures)
    if not for_pytest and not before:
        write_skipped(environment.name, outcome.skipped)
    if not for_pytest and environment.others == "any":
        try:
            write_exports(environment.name, exports_of(python))
        except (OSError, subprocess.CalledProcessError) as error:
            failures.append(f"exports: {error}")
    passed, skipped = (int(before[2]), int(before[3])) if before else (0, 0)
    counts = (passed + outcome.passed, skipped + sum(outcome.skipped.values()), len(outcome.failures))
    if not failures:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{environment.name}: {time.monotonic() - started:.0f} s", flush=True)
    return [*stated, *map(str, counts), today], failures


def install(environment: Environment, folder: Path, python: Path) -> None:
    """Make an environment, without the versions that the project is tested with every day."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([interpreter(environment.python), "-m", "venv", folder], check=True)
    editable = [part for each in sorted(ROOT.glob("packages/*")) for part in ("-e", str(each))]
    upgrade = ["--upgrade", "--upgrade-strategy", "eager"] if environment.others == "newest" else []
    pip = [str(python), "-m", "pip", "install", "-q", *upgrade]
    subprocess.run([*pip, *environment.requirements(), *editable, *group("test")], check=True, cwd=ROOT)


def group(name: str) -> list[str]:
    """Return the requirements of a group of pyproject.toml, without those of other groups in it."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    return [each for each in groups[name] if isinstance(each, str)]


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


def run_tests(python: Path, folder: Path, for_pytest: Sequence[str]) -> Outcome:
    """Run the tests.

    Args:
        python: The environment's interpreter.
        folder: Of the environment, which keeps what failed.
        for_pytest: Arguments of pytest's.

    Raises:
        OSError: pytest has ended without a report.
    """
    report = folder / "report.xml"
    report.unlink(missing_ok=True)
    command = ["-m", "pytest", "-q", "-n", "auto", "--maxprocesses", "4", "-o", f"cache_dir={folder / 'pytest_cache'}"]
    subprocess.run(
        [str(python), *command, f"--junitxml={report}", *for_pytest], check=False, cwd=ROOT, env=environ_of(python)
    )
    if not report.exists():
        raise OSError("pytest has ended without a report.")
    return Outcome.read(report)


def environ_of(python: Path) -> dict[str, str]:
    """Return the variables that an environment's processes have, where nothing of this one's is found."""
    kept = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    return kept | {"OMP_NUM_THREADS": "1", "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}


def exports_of(python: Path) -> dict[str, dict[str, str]]:
    """Return which formats a model of each kind can be exported to, each with `yes` or a reason.

    Libraries of formats come only now: daily tests do without them. ExecuTorch is not among them, of which each version
    is made for one of PyTorch.
    """
    torch = subprocess.run(
        [str(python), "-c", "from importlib.metadata import version; print(f'torch=={version(\"torch\")}')"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    libraries = [*group("onnx"), *(each for each in group("export") if each.startswith("openvino"))]
    subprocess.run([str(python), "-m", "pip", "install", "-q", torch, *libraries], check=True)
    done = subprocess.run(
        [str(python), "tests/export_versions_check.py"],
        check=True, cwd=ROOT, env=environ_of(python) | {"PYTHONPATH": "tests"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    found: dict[str, dict[str, str]] = {}
    for line in filter(lambda line: line.startswith('["'), done.stdout.splitlines()):
        model, form, told = json.loads(line)
        found.setdefault(model, {})[form] = told
    return found


def write_row(table: PageTable, header: Sequence[str], name: str, row: Sequence[str]) -> None:
    """Write a row of a table of environments, which keep their order."""
    rows = table.rows() | {name: list(row)}
    table.write(header, {each.name: rows[each.name] for each in ENVIRONMENTS if each.name in rows})


def write_exports(name: str, found: Mapping[str, Mapping[str, str]]) -> None:
    """Write which formats a model of each kind can be exported to in an environment, and print why not to others."""
    for model, forms in found.items():
        print(*(f"  {model}, {form}: {told}" for form, told in forms.items() if told != "yes"), sep="\n", flush=True)
    cells = [", ".join(form for form, told in forms.items() if told == "yes") or "none" for forms in found.values()]
    write_row(EXPORTS_TABLE, ["environment", *found], name, cells)


def write_skipped(name: str, skipped: Mapping[str, int]) -> None:
    """Write why tests were skipped in an environment, and how many, beside the others'."""
    kept = {reason: cell.split(", ") for reason, (cell,) in SKIPPED_TABLE.rows().items()}
    cells = {reason: [each for each in cell if each.split(" ")[0] != name] for reason, cell in kept.items()}
    for reason, count in skipped.items():
        cells.setdefault(reason.replace("|", "/"), []).append(f"{name} ({count})")
    order = [each.name for each in ENVIRONMENTS]
    rows = {
        reason: [", ".join(sorted(cells[reason], key=lambda each: order.index(each.split(" ")[0])))]
        for reason in sorted(cells)
        if cells[reason]
    }
    SKIPPED_TABLE.write(["why", "where, and how many tests"], rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
