"""A few seconds of each fuzzer every day; `run(seconds, seed)` goes on as long as one likes."""

from collections.abc import Callable
from types import ModuleType

import pytest

from fuzz import checkpoints, documents, flow, images, kitti
from fuzz.mutations import Report


@pytest.mark.parametrize("reader", [images, flow, kitti, checkpoints], ids=lambda module: module.__name__)
def test_damaged_files_are_read_or_refused(reader: ModuleType) -> None:
    report = reader.run(seconds=3, seed=1)
    assert report.refused
    assert report.read
    assert report.grown < 1 << 30


@pytest.mark.parametrize(
    "run",
    [documents.run_manifest, documents.run_lock, documents.run_bundle, documents.run_results],
    ids=lambda function: function.__name__,
)
def test_damaged_documents_are_read_or_refused(run: Callable[[float, int], Report]) -> None:
    report = run(2, 1)
    assert report.refused
    assert report.read
    assert report.grown < 1 << 30
