"""Runs a program that imports torchvision, as it is: `python -m zoo_torchvision program.py`.

Usage: python -m zoo_torchvision [--force] [--no-metadata] (program.py | -m module | -c code) [arguments of the program]
"""

import runpy
import sys
from pathlib import Path
from types import ModuleType

from ._install import install

_USAGE = str(__doc__)


def main(arguments: list[str]) -> None:
    """Install the stand-in, then run what the arguments name, which finds the rest of them in `sys.argv`."""
    options = set()
    while arguments and arguments[0] in {"--force", "--no-metadata"}:
        options.add(arguments.pop(0))
    if arguments[:1] in (["-h"], ["--help"]):
        sys.stdout.write(_USAGE)
        return
    kind = arguments.pop(0) if arguments[:1] in (["-m"], ["-c"]) else ""
    if not arguments or (not kind and arguments[0].startswith("-")):
        sys.stderr.write(_USAGE)
        sys.exit(2)
    install(force="--force" in options, metadata="--no-metadata" not in options)
    _RUNNERS[kind](*arguments)


def _run_file(program: str, *arguments: str) -> None:
    sys.argv = [program, *arguments]
    sys.path[0] = str(Path(program).resolve().parent)  # instead of the folder that -m put there
    runpy.run_path(program, run_name="__main__")


def _run_module(module: str, *arguments: str) -> None:
    sys.argv = [module, *arguments]  # runpy puts its file there
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _run_code(code: str, *arguments: str) -> None:
    sys.argv = ["-c", *arguments]
    sys.path[0] = ""
    sys.modules["__main__"] = main_module = ModuleType("__main__")
    exec(compile(code, "<string>", "exec"), main_module.__dict__)  # noqa: S102 # that is what -c means


_RUNNERS = {"": _run_file, "-m": _run_module, "-c": _run_code}

if __name__ == "__main__":
    main(sys.argv[1:])
