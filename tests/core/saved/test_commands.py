"""Saved models in the commands that take a model's name."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import zoo_digits
from core.saved.conftest import CATEGORIES, DIGITS, state_files
from zoo_core import get_model, push_model, save_model
from zoo_core.cli import main
from zoo_core.files import sha256_of
from zoo_core.files.sources._asked_once import forget_answers

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")

SAMPLES = Path(str(zoo_digits.__file__)).parent / "samples"
NAME = "hf-hub:lab/shapes"


def zoo(*arguments: object, status: int = 0):
    forget_answers()
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == status, result.output
    return result


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def photos(folder):
    Path("photos").mkdir()
    shutil.copy(SAMPLES / "four.png", "photos")
    return Path("photos")


@pytest.fixture
def digits(tmp_path, monkeypatch):
    """The model of digits in the folder `runs/digits`, and a data set of two images."""
    monkeypatch.chdir(tmp_path)
    save_model(get_model(DIGITS, weights="DEFAULT"), "runs/digits")
    for name in ("four", "two"):
        Path("data", name).mkdir(parents=True)
        shutil.copy(SAMPLES / f"{name}.png", Path("data", name))
    return Path("runs/digits")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Go to another machine, without a network."""

    def go():
        Path(tmp_path, "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        for variable in ("HF_HOME", "TORCH_HOME", "XDG_CACHE_HOME"):
            monkeypatch.setenv(variable, str(tmp_path / "elsewhere" / "caches"))
        monkeypatch.setenv("ZOO_OFFLINE", "1")

    return go


# info


def test_info_tells_what_the_folder_says(folder):
    facts = json.loads(zoo("info", "./shapes", "--json").stdout)
    assert facts["model"] == "local-dir:shapes"
    assert facts["architecture"] == DIGITS
    assert facts["categories"] == CATEGORIES
    assert facts["license"] == "MIT"
    assert facts["parent"]["name"] == "ShuffleNet_V2_X0_5_Digits_Weights.DIGITS_V1"
    assert facts["sha256"] == sha256_of(folder / "model.safetensors")
    assert facts["config_sha256"] == sha256_of(folder / "config.json")
    assert facts["here"]["path"] == str(folder.absolute() / "model.safetensors")
    assert facts["metrics"] == {"Shapes": {"acc@1": 75.0}}


@pytest.mark.parametrize("name", ["v1.0", "of.Weights", "Weights"])
def test_info_knows_a_folder_from_a_weights_entry(folder, name):
    folder.rename(name)
    assert f"local-dir:{name}" in zoo("info", f"./{name}").stdout


def test_info_prints_no_control_characters_of_a_folder_s(rewrite):
    rewrite(categories=["\x1b[31mred", "b", "c"], license="\x1b]0;x\x07", parent={"name": "\x1b[2J"})
    result = zoo("info", "./shapes")
    assert not {"\x1b", "\x07"} & set(result.stdout)


def test_wrong_folder_is_said_without_a_traceback(folder):
    (folder / "config.json").write_bytes(b"{}")
    assert "wrong bytes" in zoo("info", "./shapes", status=1).stderr
    state_files(folder)
    assert "describes no model" in zoo("info", "./shapes", status=1).stderr
    assert "there is no folder none" in zoo("predict", "photos", "--model", "./none", status=1).stderr
    assert "Expected hf-hub:organisation/name" in zoo("info", "hf-hub:x", status=2).stderr


# predict, evaluate


def test_predict_tells_one_saved_model_from_another_of_the_same_name(photos, folder, rewrite):
    zoo("predict", photos, "--model", "./shapes", "-o", "rows.jsonl", "--topk", 1)
    (row,) = map(json.loads, Path("rows.jsonl").read_text().splitlines())
    digests = [sha256_of(folder / name)[:12] for name in ("model.safetensors", "config.json")]
    told = f"local-dir:shapes, model.safetensors {digests[0]}, config.json {digests[1]}, topk=1"
    assert row["made_by"] == told
    zoo("predict", photos, "--model", "local-dir:shapes", "-o", "rows.jsonl", "--topk", 1)  # the same
    rewrite(license="unknown")
    assert (
        "was made by" in zoo("predict", photos, "--model", "./shapes", "-o", "rows.jsonl", "--topk", 1, status=2).stderr
    )


def test_predict_names_classes_by_the_folder_s_own(photos, folder):
    (row,) = json.loads(zoo("predict", photos, "--model", "./shapes", "--json").stdout)
    assert {each["label"] for each in row["top"]} == set(CATEGORIES)


def test_evaluate_takes_a_folder_and_computes_again_without_it(digits):
    first = json.loads(zoo("evaluate", "runs/digits", "data", "-o", "run", "--json").stdout)
    assert first["model"]["weights"] == "local-dir:runs/digits"
    assert first["model"]["sha256"] == sha256_of(digits / "model.safetensors")
    shutil.rmtree(digits)
    again = json.loads(zoo("evaluate", "--from", "run", "--json").stdout)
    assert again["metrics"] == first["metrics"]


# lock


def test_lock_pins_both_files_and_needs_the_same_name(folder, monkeypatch):
    lock = json.loads(zoo("lock", "./shapes", DIGITS).stdout)["files"]
    assert {"local-dir/shapes/config.json", "local-dir/shapes/model.safetensors"} < lock.keys()
    assert lock["local-dir/shapes/config.json"]["sha256"] == sha256_of(folder / "config.json")


def test_lock_takes_any_path(folder, monkeypatch):
    zoo("lock", folder.absolute(), f"../{Path.cwd().name}/shapes", "-o", "zoo.lock")
    monkeypatch.setenv("ZOO_LOCK", str(Path("zoo.lock").absolute()))
    get_model(str(folder.absolute()))
    get_model(f"../{Path.cwd().name}/shapes")


# push, download


def test_push_prints_the_name_that_download_takes(folder, hub, elsewhere, monkeypatch):
    name = zoo("push", "shapes", "lab/shapes", "-q").stdout.strip()
    assert name.startswith(f"{NAME}@")
    path = Path(zoo("download", name, "-q").stdout.strip())
    assert sha256_of(path) == sha256_of(folder / "model.safetensors")
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    assert "MIT" in zoo("info", name).stdout


def test_download_into_a_folder_gives_a_model_by_its_path(folder, hub, elsewhere):
    push_model(folder, "lab/shapes")
    path = zoo("download", NAME, "--cache-dir", "there", "-q").stdout.strip()
    assert path == str(Path("there/lab/shapes/model.safetensors").absolute())
    assert names_in(Path("there/lab/shapes")) == names_in(folder)
    shutil.move("there", "elsewhere-there")
    elsewhere()
    assert DIGITS in zoo("info", "../elsewhere-there/lab/shapes").stdout


def test_dry_run_of_a_download_fetches_no_weights(folder, hub, tmp_path, monkeypatch):
    push_model(folder, "lab/shapes")
    result = zoo("download", NAME, "./shapes", "--dry-run")
    first, second = result.stdout.splitlines()
    assert not first.endswith("here already")
    assert second.endswith("here already")
    assert not list(tmp_path.glob("caches/huggingface/**/model.safetensors"))


def test_licences_that_are_allowed_count_for_saved_models(folder, monkeypatch):
    monkeypatch.setenv("ZOO_LICENSES", "MIT")
    zoo("download", "./shapes")
    monkeypatch.setenv("ZOO_LICENSES", "BSD-3-Clause")
    assert "the licence is MIT" in zoo("download", "./shapes", status=1).stderr


def test_mirror_takes_no_saved_model(folder):
    assert "which `zoo push` publishes" in zoo("mirror", "export", "there", "./shapes", status=2).stderr


def test_list_and_cache_know_nothing_of_saved_models(folder):
    assert "shapes" not in zoo("list").stdout
    assert "shapes" not in zoo("cache", "ls").stdout


# bundle


def test_bundle_carries_folders_and_models_of_a_hub_whole(folder, hub, elsewhere):
    push_model(folder, "lab/shapes")
    files = json.loads(zoo("bundle", "create", "./shapes", NAME, "-o", "b.tar", "--json").stdout)
    assert len(files) == 8
    before = get_model("local-dir:shapes").state_dict()
    elsewhere()
    zoo("bundle", "load", "../b.tar", "--dry-run")
    assert not Path("shapes").exists()
    first = zoo("bundle", "load", "../b.tar", "-q").stdout.splitlines()
    assert str(Path("shapes/model.safetensors").absolute()) in first
    for name in ("local-dir:shapes", NAME):
        forget_answers()
        assert all((value == before[key]).all() for key, value in get_model(name).state_dict().items())
    again = json.loads(zoo("bundle", "load", "../b.tar", "--json").stdout)
    assert [row["new"] for row in again] == [False, False]


def test_bundle_goes_below_the_folder_that_is_given(folder, elsewhere):
    zoo("bundle", "create", "./shapes", "-o", "b.tar")
    elsewhere()
    zoo("bundle", "load", "../b.tar", "--cache-dir", "there")
    assert DIGITS in zoo("info", "there/shapes").stdout


def test_bundle_replaces_no_other_model(folder, trained, elsewhere):
    zoo("bundle", "create", "./shapes", "-o", "b.tar")
    save_model(trained, "shapes", categories=["a", "b", "c"])
    digest = sha256_of(folder / "config.json")
    assert "is there already, and is another model" in zoo("bundle", "load", "b.tar", status=1).stderr
    assert sha256_of(folder / "config.json") == digest


@pytest.mark.parametrize("path", ["absolute", "../here/shapes"])
def test_bundle_refuses_paths_that_no_other_machine_has(folder, path):
    name = folder.absolute() if path == "absolute" else f"../{Path.cwd().name}/shapes"
    assert "cannot be bundled by this path" in zoo("bundle", "create", name, "-o", "b.tar", status=1).stderr
    assert not Path("b.tar").exists()


def test_lock_counts_for_bundles(folder, elsewhere, monkeypatch, rewrite):
    zoo("lock", "./shapes", "-o", "zoo.lock")
    rewrite(license="unknown")
    zoo("bundle", "create", "./shapes", "-o", "b.tar")
    elsewhere()
    monkeypatch.setenv("ZOO_LOCK", "../zoo.lock")
    assert "contradicts" in zoo("bundle", "load", "../b.tar", status=1).stderr
    assert not Path("shapes").exists()


# shells


def test_shell_is_asked_to_complete_folders():
    from core.cli.test_completion import offered

    assert offered("zoo predict --model ./sh") == ["./sh"]
    assert offered("zoo info local-dir:sh") == ["local-dir:sh"]
    assert offered("zoo info hf-hub:org/na") == []
    assert offered("zoo predict --model hf-hub:org/name --weights ") == ["DEFAULT"]
    assert offered("zoo push ") == [""]
