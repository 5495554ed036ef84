"""The commands of docs/mirrors.md, run as they stand there but for names, addresses and folders."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest

from zoo_core.cli import main

PAGE = Path(__file__).parents[3] / "docs" / "mirrors.md"
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
HUB, FOLDER, BUNDLE = BLOCKS


SERVING = re.compile(r"^(python -m http\.server (\d+) .* &)$", re.MULTILINE)
WAIT = r"""\1
until python -c "import socket; socket.create_connection(('127.0.0.1', \2))" 2> /dev/null; do sleep 0.1; done"""


@pytest.fixture
def run(tiny, hub, tmp_path, monkeypatch):
    """Run commands in a shell; the model that they name is the tiny one, the Hub and all caches the test's own."""
    monkeypatch.delenv("HF_TOKEN")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, arguments in {"python": "", "zoo": "-c 'from zoo_core.cli import main; main()'"}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n')
        (programs / name).chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    ours = {"resnet18": "tiny", "hf_your_token": "hf_write", "/srv/weights": f"{tmp_path}/srv", "8000": str(port)}
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(sys.path)}

    def run_block(block):
        for name, value in ours.items():
            block = block.replace(name, value)
        block = SERVING.sub(WAIT, block)
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"trap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n{block}"],
            cwd=tmp_path,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run_block


def test_hub_mirror_works_in_five_commands(run, hub, upstream):
    assert len(HUB.strip().splitlines()) == 5
    done = run(HUB)
    assert done.returncode == 0, done.stderr
    assert hub.repositories["lab/zoo-weights"].token == "hf_write"
    assert len(upstream.requests) == 1  # for the push; the rest came from the mirror


@pytest.mark.slow
def test_folder_and_web_server_work_in_five_commands(run, tiny, tmp_path, upstream):
    assert len(FOLDER.strip().splitlines()) == 5
    done = run(FOLDER)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "srv" / tiny[1].path).read_bytes() == tiny[1].content
    assert f"{tiny[1].entry}: from http://127.0.0.1" in done.stderr
    assert len(upstream.requests) == 1


@pytest.mark.slow
def test_bundle_and_lock_file_work_in_five_commands(run, tiny, tmp_path):
    assert len(BUNDLE.strip().splitlines()) == 5
    done = run(BUNDLE)
    assert done.returncode == 0, done.stderr
    assert tiny[1].sha256 in (tmp_path / "zoo.lock").read_text()


PAGES = ["README.md", "docs/using.md", "docs/weights.md", "docs/mirrors.md", "docs/security.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_that_is_mentioned_exists(page):
    text = (PAGE.parents[1] / page).read_text()
    mentioned = re.findall(r"(?:^ *|`|=|\$\()zoo ([a-z]+)(?: ([a-z]+))?([^`\n]*)", text, re.MULTILINE)
    assert mentioned
    for name, inner, rest in mentioned:
        command = main.get_command(click.Context(main), name)
        assert command is not None, name
        if isinstance(command, click.Group) and inner:
            command = command.get_command(click.Context(command), inner)
            assert command is not None, inner
        options = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}
        assert set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", rest.partition("  ")[0])) <= options, (name, rest)
