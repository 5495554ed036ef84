"""What a shell offers: names of commands, models, weights entries and filters, at once, and never an error."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .transcripts import environment, run_here


def offered(line: str) -> list[str]:
    """Return what click's script for bash gets for a line whose last word is being typed."""
    words = line.split(" ")
    asked = {"_ZOO_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    with environment(asked):
        out, err, status = run_here([])
    assert (err, status) == ("", 0)
    return [item.partition(",")[2] for item in out.splitlines() if item]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("zoo d", ["download", "doctor"]),
        ("zoo mirror ", ["export", "push", "verify"]),
        ("zoo info wide_", ["wide_resnet101_2", "wide_resnet50_2"]),
        ("zoo download ResNet50_W", ["ResNet50_Weights.IMAGENET1K_V1", "ResNet50_Weights.IMAGENET1K_V2"]),
        ("zoo lock resnet50 vgg19", ["vgg19", "vgg19_bn"]),
        ("zoo bundle create alex", ["alexnet"]),
        ("zoo mirror export there alex", ["alexnet"]),
        ("zoo cache verify alex", ["alexnet"]),
        ("zoo predict --model raft", ["raft_large", "raft_small"]),
        ("zoo predict --model resnet18 --weights ", ["DEFAULT", "IMAGENET1K_V1"]),
        ("zoo predict --model nothing --weights ", []),
        ("zoo list --task s", ["segmentation"]),
        ("zoo list --family mask", ["mask_rcnn"]),
        ("zoo list --dataset kin", ["Kinetics-400"]),
        ("zoo list --sort acc", ["acc@1", "acc@5"]),
        ("zoo list --da", ["--dataset"]),
        ("zoo info no_such", []),
    ],
)
def test_names_are_completed(line: str, expected: list[str]) -> None:
    assert offered(line) == expected


def test_commands_and_models_of_packages_are_offered(install_tasks) -> None:
    install_tasks()
    assert offered("zoo me") == ["meter"]
    assert offered("zoo info expo") == ["exposure"]
    assert offered("zoo list --task expo") == ["exposure"]


def test_catalogue_that_is_damaged_offers_nothing_and_prints_no_error(install, recwarn) -> None:
    install("example_zoo", family="{")
    assert "resnet50" in offered("zoo info resnet5")


def test_completing_imports_no_torch() -> None:
    code = "import sys; from zoo_core.cli import main; main(prog_name='zoo', standalone_mode=False)"
    code = f"import atexit, sys; atexit.register(lambda: sys.stderr.write(str('torch' in sys.modules)))\n{code}"
    asked = {"_ZOO_COMPLETE": "bash_complete", "COMP_WORDS": "zoo download ResNet50_", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True, check=True
    )
    assert "plain,ResNet50_Weights.IMAGENET1K_V1" in done.stdout
    assert done.stderr == "False"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell: str) -> None:
    with environment({"_ZOO_COMPLETE": f"{shell}_source"}):
        out, _, status = run_here([])
    assert status == 0
    assert f"_ZOO_COMPLETE={shell}_complete" in out


def test_bash_completes_with_its_script(tmp_path: Path) -> None:
    zoo = tmp_path / "zoo"
    zoo.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "from zoo_core.cli import run; run()" "$@"\n')
    zoo.chmod(0o755)
    script = 'eval "$(_ZOO_COMPLETE=bash_source zoo)"; COMP_WORDS=(zoo info wide_); COMP_CWORD=2; _zoo_completion zoo\n'
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        ["bash", "-c", f'{script}echo "${{COMPREPLY[@]}}"'],
        env=os.environ | path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["wide_resnet101_2", "wide_resnet50_2"], done.stderr
