"""Takes out one protection of fetching and reading at a time, and checks that tests notice.

    nox -s mutation

Each mutation is made in a copy of the packages' sources. The tests named with it must pass on the copy as it is, and
each of them must fail on the mutated one. `python tests/mutation_check.py terminal pictures` tries those of which the
protection or the file has one of these words in it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from protections import Mutation, all_mutations

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 900
"""Seconds for the tests of one mutation; a process that hangs is ended then."""
SOURCES = sorted(ROOT.glob("packages/*/src/zoo_*"))


def main(*words: str) -> None:
    """Try the mutations; with words, those of which the protection or the file has one of them in it."""
    chosen = [m for m in all_mutations() if not words or any(word in f"{m.protection} {m.file}" for word in words)]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for package in SOURCES:
            shutil.copytree(package, copy / package.name, ignore=shutil.ignore_patterns("__pycache__"))
        survivors = _failures(copy, sorted({test for mutation in chosen for test in mutation.tests}), "as it is")
        for mutation in chosen:
            survivors += _survivors(copy, mutation)
    if survivors:
        sys.exit("\n".join(survivors))
    print(f"{len(chosen)} protections taken out, each noticed by the tests that hold it")


def _failures(copy: Path, tests: list[str], what: str) -> list[str]:
    failed = _run(copy, tests)
    print(f"{'ok' if not failed else 'BAD':<4}  {what}: {len(tests)} tests, {len(failed)} fail", flush=True)
    return [f"fails {what}: {test}" for test in failed]


def _survivors(copy: Path, mutation: Mutation) -> list[str]:
    """Return the tests that do not notice a mutation."""
    path = mutation.path(copy)
    text = path.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        return [f"{mutation.protection}: its text is there {text.count(mutation.old)} times in {mutation.file}"]
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    try:
        failed = _run(copy, list(mutation.tests))
    finally:
        path.write_text(text, encoding="utf-8")
    blind = [test for test in mutation.tests if test not in failed]
    noticed = len(mutation.tests) - len(blind)
    print(
        f"{'BAD' if blind else 'ok':<4}  {mutation.protection}: {noticed} of {len(blind) + noticed} notice", flush=True
    )
    return [f"{mutation.protection} taken out is not noticed by {test}" for test in blind]


def _run(copy: Path, tests: list[str]) -> set[str]:
    """Run tests on the copy; return those that fail. Where a mutation crashes or stops the process, that is all."""
    paths = {test: _path_of(test) for test in tests}
    command = [sys.executable, "-B", "-m", "pytest", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(copy), os.environ.get("PYTHONPATH", "")])}
    try:
        done = subprocess.run(
            [*command, *paths.values()],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return set(tests)
    if done.returncode < 0:
        return set(tests)
    if done.returncode not in {0, 1}:
        sys.exit(f"pytest did not run:\n{done.stdout}\n{done.stderr}")
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return {test for test, path in paths.items() if any(path in line for line in lines)}


def _path_of(test: str) -> str:
    """Return where a test is, from the root of the repository on."""
    name = test.partition("::")[0]
    return f"tests/core/{test}" if (ROOT / "tests" / "core" / name).exists() else f"tests/{test}"


if __name__ == "__main__":
    main(*sys.argv[1:])
