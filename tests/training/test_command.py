"""`zoo train` and `train`: folders of images in, a model by name out; what is wrong is said first."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from click.testing import CliRunner

from training.worlds import Moments, in_child, timeless
from zoo_core import get_model
from zoo_core.cli import main
from zoo_evaluation.datasets import DatasetError
from zoo_training import Recipe, prepare, read_recipe, train
from zoo_training import _train as train_module

MODEL = "shufflenet_v2_x0_5_digits"
VALUES = {"epochs": 1, "batch_size": 4, "size": 32, "precision": "float32"}


@pytest.fixture
def copied(colours, tmp_path):
    return shutil.copytree(colours, tmp_path / "colours")


def run(*arguments):
    return CliRunner().invoke(main, ["train", *map(str, arguments)])


def quick(data, folder, **more):
    return train(MODEL, data, VALUES | more.pop("recipe", {}), output=folder, workers=0, **more)


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


def test_a_run_is_a_model_with_its_recipe_its_split_and_its_metrics(colours, tmp_path):
    options = [f"--set={name}={value}" for name, value in VALUES.items()]
    done = run(colours, "-m", MODEL, "-o", tmp_path / "run", *options, "--workers", 0, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["metrics"]["acc@1"] >= 0
    assert read_recipe(tmp_path / "run" / "recipe.toml").size == 32
    split = json.loads((tmp_path / "run" / "split.json").read_text())
    assert len(split["train"]) == 9
    assert sorted(name.partition("/")[0] for name in split["validation"]) == ["blue", "green", "red"]
    assert get_model(f"local-dir:{tmp_path / 'run'}").eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 3)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "README.md", "checkpoint.pt", "config.json", "manifest.json", "metrics.jsonl", "model.safetensors",
        "recipe.toml", "report.html", "split.json",
    }  # fmt: skip


def test_killed_between_the_card_and_the_manifest_the_run_goes_on_to_the_same_folder(colours, tmp_path, monkeypatch):
    def killed():
        monkeypatch.setattr("zoo_core.saved._copies.replace_file", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        quick(colours, tmp_path / "killed" / "run")

    quick(colours, tmp_path / "whole" / "run")
    assert in_child(killed) == -signal.SIGKILL
    assert (tmp_path / "killed" / "run" / "README.md").exists()
    quick(colours, tmp_path / "killed" / "run", resume=True)
    for name in ("model.safetensors", "config.json", "README.md", "manifest.json", "recipe.toml", "split.json"):
        assert (tmp_path / "killed" / "run" / name).read_bytes() == (tmp_path / "whole" / "run" / name).read_bytes()


@pytest.mark.slow
def test_killed_at_any_moment_of_saving_the_run_goes_on_to_the_same_folder(colours, tmp_path, monkeypatch):
    quick(colours, tmp_path / "whole")
    expected = {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    expected["README.md"] = expected["README.md"].replace(b"whole", b"run")
    save = train_module.save_model

    def prepared():
        def stop(*_arguments, **_more):
            os.kill(os.getpid(), signal.SIGKILL)

        monkeypatch.setattr(train_module, "save_model", stop)
        quick(colours, tmp_path / "base")

    assert in_child(prepared) == -signal.SIGKILL
    for last in range(40):
        folder = tmp_path / str(last) / "run"
        shutil.copytree(tmp_path / "base", folder)

        def killed(folder=folder, last=last):
            def saved(*arguments, **more):
                Moments(folder, last)
                save(*arguments, **more)
                os._exit(3)

            monkeypatch.setattr(train_module, "save_model", saved)
            quick(colours, folder, resume=True)

        status = in_child(killed)
        quick(colours, folder, resume=True)
        found = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert found.keys() == expected.keys()
        for name in ("model.safetensors", "config.json", "README.md", "recipe.toml", "split.json"):
            assert found[name] == expected[name], (last, name)
        if status == 3:
            assert last > 8
            return
    raise AssertionError("saving does not end")


def test_a_run_that_goes_on_has_its_recipe_without_being_told(colours, tmp_path):
    quick(colours, tmp_path / "run")
    before = weights(tmp_path / "run")
    again = train(MODEL, colours, output=tmp_path / "run", workers=0, resume=True)
    assert weights(tmp_path / "run") == before
    assert len(again.epochs) == 1


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("recipe", [{}, {"freeze": "head"}])
def test_a_finished_run_without_its_checkpoint_stays_as_it_is(colours, tmp_path, recipe):
    first = quick(colours, tmp_path / "run", recipe=recipe)
    (tmp_path / "run" / "checkpoint.pt").unlink()
    before = contents(tmp_path / "run")
    again = train(MODEL, colours, output=tmp_path / "run", workers=0, resume=True)
    assert contents(tmp_path / "run") == before
    assert (again.metrics, again.epochs, again.folder) == (first.metrics, first.epochs, first.folder)
    done = run(colours, "-m", MODEL, "-o", tmp_path / "run", "--resume")
    assert done.exit_code == 0
    assert "was finished before: nothing was trained, and it stays as it is." in done.output
    assert contents(tmp_path / "run") == before


@pytest.mark.parametrize(
    ("changes", "text"),
    [({"epochs": 2}, r"differs in epochs \(1 there, now 2\)"), ({"seed": 1}, "differs in samples, seed")],
)
def test_a_finished_run_without_its_checkpoint_is_no_other_run(colours, tmp_path, changes, text):
    quick(colours, tmp_path / "run")
    (tmp_path / "run" / "checkpoint.pt").unlink()
    before = contents(tmp_path / "run")
    with pytest.raises(ValueError, match=text):
        quick(colours, tmp_path / "run", recipe=changes, resume=True)
    assert contents(tmp_path / "run") == before


def test_a_run_without_checkpoint_and_model_begins_anew(colours, tmp_path):
    def stop(row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quick(colours, tmp_path / "run", recipe={"epochs": 2}, report=stop)
    (tmp_path / "run" / "checkpoint.pt").unlink()
    again = train(MODEL, colours, output=tmp_path / "run", workers=0, resume=True)
    assert [row["epoch"] for row in again.epochs] == [1, 2]


def test_what_differs_in_a_run_that_goes_on_is_named_and_nothing_is_written(colours, tmp_path):
    quick(colours, tmp_path / "run")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    done = run(colours, "-m", MODEL, "-o", tmp_path / "run", "--resume", "--lr", "0.5", "--workers", 0)
    assert done.exit_code == 2
    assert "differs in lr (0.002 there, now 0.5)" in done.output or "there, now 0.5)" in done.output
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_with_other_things_is_left_alone(colours, tmp_path, resume):
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(ValueError, match=r"is not empty|has no run to go on with"):
        quick(colours, tmp_path, resume=resume)
    assert (tmp_path / "letters.txt").read_text() == "dear"


def test_auto_becomes_what_was_chosen_and_stays_so(colours, tmp_path, monkeypatch):
    monkeypatch.setattr(train_module, "choose_precision", lambda *_: "bfloat16")
    quick(colours, tmp_path / "run", recipe={"precision": "auto"})
    assert read_recipe(tmp_path / "run" / "recipe.toml").precision == "bfloat16"
    monkeypatch.setattr(train_module, "choose_precision", lambda *_: "float32")
    quick(colours, tmp_path / "run", recipe={"precision": "auto"}, resume=True)
    assert read_recipe(tmp_path / "run" / "recipe.toml").precision == "bfloat16"


def test_images_that_are_none_are_named_before_training(copied, tmp_path):
    for number in range(3):
        (copied / "red" / f"{number}.png").write_bytes(b"no image")
    with pytest.raises(DatasetError, match=r"3 of 12 images cannot be read(.|\n)*red/0.png"):
        quick(copied, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_image_that_is_cut_off_is_named_in_training(copied, tmp_path):
    for path in copied.glob("*/*.png"):
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DatasetError, match=r"(red|green|blue)/\d.png cannot be trained on"):
        quick(copied, tmp_path / "run")


def test_one_class_is_refused(copied, tmp_path):
    shutil.rmtree(copied / "red")
    shutil.rmtree(copied / "blue")
    with pytest.raises(DatasetError, match="has one class, green: there is nothing to tell apart"):
        quick(copied, tmp_path / "run")


def test_an_empty_class_is_refused(copied, tmp_path):
    for path in (copied / "red").iterdir():
        path.unlink()
    with pytest.raises(DatasetError, match="red"):
        quick(copied, tmp_path / "run")


def test_a_class_of_one_image_is_trained_on_and_missed_in_validation(copied):
    for number in range(3):
        (copied / "red" / f"{number}.png").unlink()
    assert prepare(MODEL, copied).notes == ("No image of red is kept for validation: there are too few.",)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--set", "mixup"], "--set takes NAME=VALUE"),
        (["--set", "mixpu=1"], "A recipe has no 'mixpu'"),
        (["--set", "epochs=1.5"], "epochs should be a whole number"),
        (["--lr", "-1"], "lr should be above 0"),
        (["--freeze", "layer9"], "has no module 'layer9'"),
        (["--device", "cpuu"], "cpuu"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_options_are_told_of_and_leave_no_folder(colours, tmp_path, options, text):
    done = run(colours, "-m", MODEL, "-o", tmp_path / "run", *options)
    assert done.exit_code == 2
    assert text in done.output
    assert not (tmp_path / "run").exists()


def test_prepared_parts_give_what_train_gives(colours):
    prepared = prepare(MODEL, colours, VALUES)
    assert prepared.training.recipe == Recipe(**{**VALUES, "lr": prepared.training.recipe.lr})
    network = prepared.network()
    assert all(
        torch.equal(one, other)
        for one, other in zip(network.parameters(), prepared.network().parameters(), strict=True)
    )
    assert set(prepared.validation(workers=0)(network)) >= {"acc@1"}


def start(data, folder, *more, processes=1):
    options = [f"--set={name}={value}" for name, value in {**VALUES, "epochs": 4, "ema_decay": 0.9}.items()]
    tool = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes), "-m"] if processes > 1 else ["-m"]
    command = [sys.executable, *tool, "zoo_core.cli", "train", data, "-m", MODEL, "-o", folder, *options, *more]
    return subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())},
    )  # fmt: skip


@pytest.mark.slow
def test_killed_at_twenty_random_moments_it_goes_on_bit_by_bit(colours, tmp_path):
    begun = time.monotonic()
    whole = start(colours, tmp_path / "whole", "--workers", 1)
    _, errors = whole.communicate(timeout=300)
    assert whole.returncode == 0, errors
    seconds = time.monotonic() - begun
    expected = weights(tmp_path / "whole")
    moments = random.Random(0)
    for number in range(20):
        folder = tmp_path / str(number)
        killed = start(colours, folder, "--workers", 1)
        time.sleep(moments.uniform(0.2, 1.0) * seconds)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.communicate(timeout=60)
        again = start(colours, folder, "--workers", 1, "--resume")
        _, errors = again.communicate(timeout=300)
        assert again.returncode == 0, errors
        assert weights(folder) == expected


@pytest.mark.slow
def test_torchrun_gives_the_metrics_of_one_process(colours, tmp_path):
    def metrics(folder):
        return timeless([json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()])

    # Of four pixels batch norm makes something else with every rounding, and so does Adam of gradients near zero.
    calm = ["--set=size=128", "--set=optimizer=sgd", "--set=lr=0.005"]
    for folder, processes in ((tmp_path / "one", 1), (tmp_path / "two", 2)):
        done = start(colours, folder, "--workers", 0, *calm, processes=processes)
        out, errors = done.communicate(timeout=300)
        assert done.returncode == 0, errors
        assert out.count("acc@1") == 1
    for one, two in zip(metrics(tmp_path / "one"), metrics(tmp_path / "two"), strict=True):
        assert two["losses"]["loss"] == pytest.approx(one["losses"]["loss"], rel=2e-3)
        assert two["metrics"] == pytest.approx(one["metrics"])
