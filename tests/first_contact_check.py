"""Do what README and the pages after it say, as somebody does who has nothing but Python and git.

Run by `nox -s first_contact`. Every command of these pages is run as it stands there, in their order, in an empty
folder with an empty home, but for two names: the address of the repository is this checkout, and the Hub is one on this
machine, which takes a token of its own. Published weights would be a download of gigabytes: what is published for
the models that they name is random here, of the same shapes, and lies in a folder mirror (`first_contact_world.py`).

Then each of the pages that are read later is followed, and what the gallery has to copy for a model of each task, on
small data sets, with trainings cut to two epochs. `-- docs/export.md` follows that page alone.
Prints what it ran, and how long it took.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
FIRST = ("README.md", "docs/installing.md", "docs/using.md", "docs/weights.md")
"""What somebody reads at first, one page after the other."""
LATER = (
    "docs/licences.md", "docs/limits.md", "docs/mirrors.md", "docs/evaluation.md", "docs/export.md", "docs/training.md",
    "docs/training-detection.md", "docs/training-pixels.md",
)  # fmt: skip
"""Pages of which each is read by itself."""
NOT_HERE = {
    "resnet50.int8.onnx": "int8 keeps no labels of random weights",
    "http.server": "servers go on until somebody stops them",
}
"""Commands of later pages that are not run, by what is in them."""
REPOSITORY = "https://github.com/org/zoo"
BY_CI = "-m venv .venv && .venv/bin/pip install -q nox"
"""What commands have that `.ci/run` and the workflow of every night run."""
READING = 250
"""Words a minute."""


def blocks(*pages: str) -> list[str]:
    """Return the shell commands of pages: their blocks of Bash, each a text, and each command of indented lists."""
    text = "\n".join((CHECKOUT / page).read_text(encoding="utf-8") for page in pages)
    pattern = (
        r"^```bash\n(?P<block>(?:.*\n)*?)```$|"
        r"^    (?P<listed>(?:[A-Z_]+=\S+ )*(?:zoo|python3?|pip|torchrun) (?:.*\\\n)*.*)$"
    )
    return [
        match["block"] or re.split(r" {2,}", re.sub(r"\\\n *", "", match["listed"]))[0]
        for match in re.finditer(pattern, text, re.MULTILINE)
    ]


class Reader:
    """Somebody at a shell.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {
            name: value for name, value in os.environ.items() if not re.match("(ZOO|HF|TORCH|XDG|VIRTUAL|PYTHON)", name)
        }
        home = folder.parent / "home"
        (home / ".config").mkdir(parents=True)
        if (pip := Path.home() / ".config" / "pip").is_dir():  # how this machine reaches an index
            (home / ".config" / "pip").symlink_to(pip)
        repository = folder.parent / "zoo"
        subprocess.run(["git", "clone", "-q", str(CHECKOUT), str(repository)], check=True)
        self.environment = kept | {
            "HOME": str(home),
            "PIP_CONSTRAINT": str(CHECKOUT / "constraints.txt"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{repository.as_uri()}.insteadOf",
            "GIT_CONFIG_VALUE_0": REPOSITORY,
        }
        self.started = time.monotonic()
        self.number = 0

    def run(self, block: str, *, status: int = 0, activated: bool = True, **more: str) -> str:
        """Run a block of commands; return what it prints, on both streams.

        Raises:
            SystemExit: It ends with another exit status, or with a traceback.
        """
        print("\n".join(f"$ {line}" for line in block.strip().splitlines()), flush=True)
        self.number += 1
        before = time.monotonic()
        local = block.replace("hf_your_token", "hf_write")
        script = f"{'. zoo/.venv/bin/activate;' if activated else ''} set -euo pipefail\n{local}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder, env=self.environment | more, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        print(f"  {time.monotonic() - before:.1f} s", flush=True)
        if done.returncode != status or "Traceback" in done.stdout:
            raise SystemExit(f"expected the exit status {status}, found {done.returncode}:\n{done.stdout}")
        return done.stdout


@contextmanager
def world(reader: Reader) -> Iterator[list[str]]:
    """Publish weights and make inputs; inside, a Hub runs, and the reader knows where. Yields what the gallery has."""
    command = [
        str(reader.folder / "zoo" / ".venv" / "bin" / "python"),
        str(CHECKOUT / "tests" / "first_contact_world.py"),
    ]
    path = os.pathsep.join(str(CHECKOUT / each) for each in ("tests", "examples", "docs/site"))
    environment = reader.environment | {"PYTHONPATH": path}
    process = subprocess.Popen(
        [*command, str(reader.folder)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        told = json.loads(process.stdout.readline())
        reader.environment |= told["variables"]
        yield told["commands"]
    finally:
        process.stdin.close()
        process.wait()


def main(*pages: str) -> None:
    """Install, predict, list, draw, be refused; then all other commands of the pages, and of the gallery.

    Args:
        pages: Those of `LATER` that are followed alone, once zoo is installed.
    """
    check_length()
    install, *others = (block for block in blocks(*FIRST) if BY_CI not in block)
    (alone,) = (block for block in others if "git+https" in block)
    others.remove(alone)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "reader"
        folder.mkdir()
        reader = Reader(folder)
        reader.run(install, activated=False)
        first, *_ = [block for block in others if "digits/samples" in block]
        reader.run(first.splitlines()[0])
        print(f"first prediction after {time.monotonic() - reader.started:.0f} s")
        with world(reader) as of_the_gallery:
            if not pages:
                assert "photos/my cat.jpg" in reader.run("zoo predict 'photos/my cat.jpg' --model resnet50")
                refuse(reader)
                for block in others:
                    reader.run(block)
                assert len(list((folder / "drawn").glob("*.png"))) > 1
            reader.environment["HF_TOKEN"] = "hf_write"
            for page in pages or LATER:
                follow(reader, blocks(page))
            for block in () if pages else of_the_gallery:
                follow(reader, [block])
        if not pages:
            alone_in_an_environment_of_its_own(reader, alone)
    print(f"{reader.number} blocks and commands, {time.monotonic() - reader.started:.0f} s")


def check_length() -> None:
    """Read README with a watch."""
    words = len((CHECKOUT / "README.md").read_text(encoding="utf-8").split())
    print(f"README: {words} words, {words / READING:.1f} minutes")
    assert words / READING < 2, "README takes longer to read than two minutes"


def follow(reader: Reader, commands: list[str]) -> None:
    """Run what is to be read together, with trainings cut to two epochs."""
    for name in ("runs", "digits", "drawn"):
        shutil.rmtree(reader.folder / name, ignore_errors=True)
    for block in commands:
        if reasons := [reason for part, reason in NOT_HERE.items() if part in block]:
            print(f"not run, for {reasons[0]}: {block}")
        else:
            reader.run(re.sub("^zoo train .*", r"\g<0> --epochs 2", block, flags=re.MULTILINE))


def refuse(reader: Reader) -> None:
    """Ask for weights whose licence is not allowed."""
    command = "zoo predict photos/ --model resnet50"
    assert "add BSD-3-Clause to ZOO_LICENSES" in reader.run(command, status=1, ZOO_LICENSES="MIT")
    assert "Did you mean MIT" in reader.run(command, status=2, ZOO_LICENSES="MTI")


def alone_in_an_environment_of_its_own(reader: Reader, install: str) -> None:
    """Install one package as docs/installing.md says, without the others, and list its models."""
    activate = "python3 -m venv alone && . alone/bin/activate"
    listed = reader.run(f"{activate}\n{install}\nzoo list", activated=False)
    assert "r3d_18" in listed
    assert "resnet50" not in listed


if __name__ == "__main__":
    main(*sys.argv[1:])
