"""The page of errors has every public one, and quotes what the code says."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

from contract.provoked import PROVOCATIONS, World
from zoo_core import errors

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guides" / "troubleshooting.md").read_text()
PARTS = {part.partition("\n")[0]: part for part in PAGE.split("\n### ")[1:]}
QUOTED = {heading: re.findall(r"```text\n(.*?)```", part, re.DOTALL) for heading, part in PARTS.items()}
CASES = [(heading, number) for heading, found in PROVOCATIONS.items() for number in range(len(found))]


def public_errors():
    """Return the error classes of `zoo_core.errors`, and those that packages export, by name."""
    found = {name: value for name, value in vars(errors).items() if isinstance(value, type)}
    for stub in ROOT.glob("packages/*/src/**/__init__.pyi"):
        package = ".".join(stub.relative_to(ROOT).parts[3:-1])
        for node in ast.parse(stub.read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
            values = {name: getattr(import_module(package), name) for name in names if name.endswith("Error")}
            found |= {name: value for name, value in values.items() if issubclass(value, BaseException)}
    return found


def test_every_public_error_is_on_the_page_once_with_where_it_is_imported_from():
    listed = [name for heading in PARTS for name in re.findall(r"\w+", heading.partition(":")[0])]
    known = {*public_errors(), "ValueError", "KeyError", "RuntimeError"}
    assert len(public_errors()) > 20
    assert sorted(listed) == sorted(known)
    for heading, part in PARTS.items():
        for module, names in re.findall(r"`from (\S+) import ([\w, ]+)`", part):
            assert all(issubclass(getattr(import_module(module), name), BaseException) for name in names.split(", "))
            assert set(names.split(", ")) <= {*re.findall(r"\w+", heading)}


def test_every_quoted_message_is_provoked():
    assert {heading: len(found) for heading, found in QUOTED.items() if found} == {
        heading: len(found) for heading, found in PROVOCATIONS.items()
    }


@pytest.mark.parametrize(("heading", "number"), CASES, ids=str)
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_a_quoted_message_is_what_the_code_says(heading, number, tmp_path, monkeypatch, publish):
    known = public_errors() | {"ValueError": ValueError, "KeyError": KeyError, "RuntimeError": RuntimeError}
    kinds = tuple(known[name] for name in re.findall(r"\w+", heading.partition(":")[0]))
    with pytest.raises(kinds) as caught:
        PROVOCATIONS[heading][number](World(tmp_path, monkeypatch, publish))
    quoted = " ".join(QUOTED[heading][number].split())
    assert len(quoted.replace("…", "")) > 20
    expected = ".*".join(map(re.escape, quoted.split("…")))
    assert re.fullmatch(expected, " ".join(str(caught.value).split())), f"{quoted!r} is not {str(caught.value)!r}"
