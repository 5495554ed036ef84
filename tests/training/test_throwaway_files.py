"""Files that are for the time of training alone: nobody has them open when they go, and none ends a run."""

import multiprocessing
import sys
from pathlib import Path

import pytest

from zoo_core import get_model
from zoo_training import InterruptError, _files, train
from zoo_training._files import remove, remove_partial

MODEL = "shufflenet_v2_x0_5_digits"
VALUES = {"epochs": 2, "batch_size": 4, "size": 32, "precision": "float32"}


@pytest.fixture
def refused(monkeypatch):
    """Let the system refuse to delete throwaway files, as Windows does while they are open; return which."""
    found = []

    def refusing(delete):
        def wrapped(path, *arguments, **options):
            if Path(path).name in {"pixels.0.cache", "features"}:
                found.append(Path(path).name)
                raise PermissionError(13, "The process cannot access the file", str(path))
            return delete(path, *arguments, **options)

        return wrapped

    monkeypatch.setattr(Path, "unlink", refusing(Path.unlink))
    monkeypatch.setattr(_files.shutil, "rmtree", refusing(_files.shutil.rmtree))
    return found


@pytest.mark.parametrize(("recipe", "name"), [({}, "pixels.0.cache"), ({"freeze": "head"}, "features")])
def test_a_run_ends_with_its_model_where_a_throwaway_file_cannot_be_deleted(
    colours, tmp_path, refused, caplog, recipe, name
):
    run = train(MODEL, colours, VALUES | recipe, output=tmp_path / "run", workers=0)
    assert name in refused
    assert get_model(run.name) is not None
    assert f"{tmp_path / 'run' / name} cannot be deleted" in caplog.text


def test_what_was_left_goes_with_the_next_resumption(colours, tmp_path, monkeypatch):
    with monkeypatch.context() as world:
        world.setattr("zoo_training._pixels.remove", lambda path: None)

        def stop(row):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train(MODEL, colours, VALUES, output=tmp_path / "run", workers=0, report=stop)
    assert (tmp_path / "run" / "pixels.0.cache").exists()
    remove_partial(tmp_path / "run")
    assert not (tmp_path / "run" / "pixels.0.cache").exists()


def test_what_is_not_there_needs_not_be_deleted(tmp_path, caplog):
    remove(tmp_path / "nothing")
    assert caplog.text == ""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("is_stopped", [False, True])
@pytest.mark.parametrize(
    ("recipe", "workers", "name"),
    [({}, 0, "pixels.0.cache"), ({}, 1, "pixels.0.cache"), ({"freeze": "head"}, 0, "features")],
)
def test_nobody_has_a_throwaway_file_open_when_it_is_deleted(
    colours, tmp_path, monkeypatch, recipe, workers, name, is_stopped
):
    seen = []

    def looking(path):
        pids = ["self", *(child.pid for child in multiprocessing.active_children())]
        maps = "".join(Path(f"/proc/{pid}/maps").read_text() for pid in pids)
        seen.append((path.name, str(path) in maps, len(pids)))
        remove(path)

    for module in ("_pixels", "_head"):
        monkeypatch.setattr(f"zoo_training.{module}.remove", looking)
    reports = []

    def report(row):
        reports.append(row)
        if is_stopped:
            raise KeyboardInterrupt

    try:
        train(MODEL, colours, VALUES | recipe, output=tmp_path / "run", workers=workers, report=report)
    except InterruptError:
        assert is_stopped
    assert seen == ([(name, False, 1)] if name != "features" or not is_stopped else [])
