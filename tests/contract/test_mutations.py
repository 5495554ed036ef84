"""What `nox -s mutation` takes out is there, and so are the tests that notice it: that session takes half an hour."""

from pathlib import Path

import pytest

from protections import all_mutations

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutation", all_mutations(), ids=lambda mutation: f"{mutation.file}-{mutation.protection}")
def test_the_text_of_a_protection_is_there_once(mutation):
    (path,) = (
        mutation.path(package.parent)
        for package in ROOT.glob("packages/*/src/zoo_*")
        if mutation.path(package.parent).is_file()
    )
    assert path.read_text(encoding="utf-8").count(mutation.old) == 1


@pytest.mark.parametrize("mutation", all_mutations(), ids=lambda mutation: f"{mutation.file}-{mutation.protection}")
def test_the_tests_of_a_protection_are_there(mutation):
    for test in mutation.tests:
        file, _, name = test.partition("::")
        (path,) = (path for path in (ROOT / "tests" / "core" / file, ROOT / "tests" / file) if path.is_file())
        assert not name or f"def {name.partition('[')[0]}(" in path.read_text(encoding="utf-8")
