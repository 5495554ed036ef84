"""The command line: data on stdout, notes on stderr, 0 fine, 1 a failure, 2 wrong usage."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

import zoo_digits
from core.tiny_weights import V1
from core.users import public_folder, user
from servers import FileServer
from zoo_core import get_model_weights, get_weight, list_weights
from zoo_core.cli import _doctor, main
from zoo_core.files import Settings

SAMPLES = Path(str(zoo_digits.__file__)).parent / "samples"
DIGITS = "shufflenet_v2_x0_5_digits"


UNITS = [("ops=4G", "ops=4"), ("ops=500M", "ops=0.5"), ("num_params=5000k", "num_params=5M")]


def zoo(*arguments: str) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def checkpoints() -> Path:
    return Settings.from_environment().checkpoints


def put(folder: Path, name: str, content: bytes = b"x") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


# list


def test_list_shows_each_model_once():
    lines = zoo("list").stdout.splitlines()
    assert sum(line.startswith("resnet50 ") for line in lines) == 1
    assert "ResNet50_Weights.IMAGENET1K_V2" in next(line for line in lines if line.startswith("resnet50 "))


@pytest.mark.parametrize("condition", ["acc@1", "acc@1>80", "=80", "num_params=30T"])
def test_a_condition_that_cannot_be_read_is_wrong_usage(condition):
    result = zoo("list", "--min", condition)
    assert result.exit_code == 2
    assert f"expected a figure and a number, as acc@1=80 or num_params=30M, found {condition!r}" in result.stderr


@pytest.mark.parametrize(("condition", "same"), UNITS)
def test_a_unit_means_what_the_figure_is_counted_in(condition, same):
    few, wanted = (zoo("list", "--task", "classification", "--max", each).stdout for each in (condition, same))
    assert few == wanted
    assert 0 < len(few.splitlines()) < len(zoo("list", "--task", "classification").stdout.splitlines())


@pytest.mark.parametrize(("condition", "known"), [("acc@1=80M", "none"), ("ops=4k", "one of M, G")])
def test_a_unit_that_a_figure_does_not_have_is_wrong_usage(condition, known):
    result = zoo("list", "--min", condition)
    assert result.exit_code == 2
    assert f"with a unit that {condition.partition('=')[0]} has, {known}, found" in " ".join(result.stderr.split())


def test_list_takes_globs_and_exclusions():
    rows = json.loads(zoo("list", "resnet*", "shufflenet*", "--exclude", "*_digits", "--json").stdout)
    assert {row["model"][:6] for row in rows} == {"resnet", "shuffl"}
    assert DIGITS not in {row["model"] for row in rows}


def test_list_of_weights_sorts_by_a_metric_from_the_best():
    rows = json.loads(zoo("list", "resnet*", "--weights", "--sort", "acc@1", "--json").stdout)
    accuracies = [row["metrics"]["ImageNet-1K"]["acc@1"] for row in rows]
    assert accuracies == sorted(accuracies, reverse=True)
    assert len(rows) > len({row["model"] for row in rows})


@pytest.mark.parametrize("key", ["num_params", "file_size"])
def test_list_sorts_by_size_from_the_smallest(key):
    sizes = [row[key] for row in json.loads(zoo("list", "--sort", key, "--json").stdout)]
    assert sizes == sorted(sizes)


def test_list_keeps_what_fulfils_all_conditions():
    arguments = (
        "--task",
        "classification",
        "--min",
        "acc@1=80",
        "--max",
        "num_params=30M",
        "--sort",
        "acc@1",
        "--weights",
    )
    rows = json.loads(zoo("list", *arguments, "--json").stdout)
    assert "ResNet50_Weights.IMAGENET1K_V2" in {row["weights"] for row in rows}
    for row in rows:
        assert any(values.get("acc@1", 0) >= 80 for values in row["metrics"].values())
        assert row["num_params"] <= 30e6


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--sort", "acc@9"), "there are num_params, file_size, ops, acc@1"),
        (("--task", "cooking"), "there are classification"),
        (("--nope",), "--nope"),
    ],
)
def test_list_used_wrongly_says_what_is_known(arguments, expected):
    result = zoo("list", *arguments)
    assert result.exit_code == 2
    assert expected in result.stderr


@pytest.mark.parametrize("more", [(), ("--min", "acc@1=80"), ("--sort", "num_params")])
def test_list_of_nothing_says_so_on_stderr(more):
    result = zoo("list", "no_such_model", *more)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No model matches" in result.stderr


# info


def test_info_on_a_model_and_on_its_weights():
    assert "zoo_classification.resnet50" in zoo("info", "resnet50").stdout
    facts = json.loads(zoo("info", "ResNet50_Weights.IMAGENET1K_V2", "--json").stdout)
    assert facts["metrics"]["ImageNet-1K"]["acc@1"] == 80.858
    assert facts["here"] is None
    assert facts["transforms"] == {"preset": "ImageClassification", "crop_size": 224, "resize_size": 232}
    assert (len(facts["categories"]), facts["categories"][0]) == (1000, "tench")
    shown = zoo("info", "ResNet50_Weights.IMAGENET1K_V2").stdout
    assert "ImageClassification(crop_size=224, resize_size=232)" in shown
    assert "1000: tench, goldfish, great white shark, …" in shown
    assert "not downloaded yet" in shown


def test_info_of_a_model_as_json_has_its_entries_and_the_default():
    facts = json.loads(zoo("info", "resnet50", "--json").stdout)
    assert facts["weights"] == ["ResNet50_Weights.IMAGENET1K_V1", "ResNet50_Weights.IMAGENET1K_V2"]
    assert facts["default"] == "ResNet50_Weights.IMAGENET1K_V2"


@pytest.mark.parametrize("member", list_weights(), ids=str)
def test_info_on_every_entry_is_json(member):
    facts = json.loads(zoo("info", str(member), "--json").stdout)
    assert (facts["weights"], facts["url"]) == (str(member), member.url)


def test_info_tells_where_a_file_is():
    entry = str(get_model_weights(DIGITS)["DEFAULT"])
    assert "(verified: full digest)" in zoo("info", entry).stdout
    assert json.loads(zoo("info", entry, "--json").stdout)["here"]["verified"] == "full digest"


def test_info_names_the_closest_of_a_name_that_is_mistyped():
    result = zoo("info", "resnet500")
    assert result.exit_code == 2
    assert "Did you mean resnet50" in result.stderr


def test_command_that_does_not_exist_names_the_closest():
    result = zoo("downlod")
    assert result.exit_code == 2
    assert "Did you mean download" in result.stderr


# download


def test_download_prints_the_path_on_stdout_and_where_it_came_from_on_stderr():
    result = zoo("download", DIGITS)
    path = Path(result.stdout.strip())
    assert (result.exit_code, path.is_file()) == (0, True)
    assert "verified (full digest" in result.stderr


def test_download_goes_to_the_folder_asked_for(tmp_path, monkeypatch):
    member = get_weight("ResNet18_Weights.IMAGENET1K_V1")
    monkeypatch.setenv("ZOO_MIRRORS", str(tmp_path))
    put(tmp_path, member.file.name)  # wrong bytes
    result = zoo("download", str(member), "--cache-dir", tmp_path / "mine", "--quiet")
    assert result.exit_code == 1
    assert "has another file: 1 bytes" in result.stderr
    assert "1 of 1 file could not be fetched" in result.stderr
    assert not (tmp_path / "mine" / member.file.name).exists()


@pytest.mark.parametrize("place", ["ZOO_WEIGHTS_PATH", "ZOO_MIRRORS", "Hub", "upstream"])
def test_download_is_in_the_folder_asked_for_wherever_it_comes_from(place, tiny, hub, tmp_path, monkeypatch):
    file = tiny[0]
    if place == "Hub":
        hub.add_repo("org/zoo-weights", {file.path: file.content}, token="hf_write")
        monkeypatch.setenv("ZOO_MIRRORS", "hf://org/zoo-weights")
    elif place != "upstream":
        put(tmp_path / "elsewhere", file.name, file.content)
        monkeypatch.setenv(place, str(tmp_path / "elsewhere"))
    for _ in range(2):
        result = zoo("download", V1, "--cache-dir", tmp_path / "mine", "--quiet")
        assert result.exit_code == 0, result.stderr
        assert result.stdout.strip() == str(tmp_path / "mine" / file.name)
    assert (tmp_path / "mine" / file.name).read_bytes() == file.content
    assert not checkpoints().exists()


def test_download_goes_on_after_a_failure():
    result = zoo("download", "resnet18", DIGITS, "--quiet")
    assert result.exit_code == 1
    assert result.stdout.strip().endswith(".safetensors")


def test_dry_run_fetches_nothing():
    result = zoo("download", "--all", "--dry-run")
    assert result.exit_code == 0
    assert "ResNet50_Weights.IMAGENET1K_V1" in result.stdout
    assert not checkpoints().exists()


def test_download_of_a_revision_needs_something_that_has_revisions(monkeypatch):
    monkeypatch.delenv("ZOO_MIRRORS", raising=False)
    result = zoo("download", "alexnet", "--revision", "v2", "--dry-run")
    assert result.exit_code == 2
    assert "--revision is of Hugging Face Hub mirrors and models" in result.stderr
    monkeypatch.setenv("ZOO_MIRRORS", "hf://org/mirror")
    assert zoo("download", "alexnet", "--revision", "v2", "--dry-run").exit_code == 0


def test_download_of_a_model_on_a_hub_has_the_revision_that_is_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr("zoo_core.cli._download.weights_named", lambda names: asked.extend(names) or [])
    zoo("download", "hf-hub:org/name", "resnet18", "--revision", "v2", "--dry-run")
    assert asked == ["hf-hub:org/name@v2", "resnet18"]
    result = zoo("download", "hf-hub:org/name@v1", "--revision", "v2", "--dry-run")
    assert "hf-hub:org/name@v1 names a revision, and --revision another one, v2" in " ".join(result.stderr.split())


@pytest.mark.parametrize("arguments", [(), ("resnet18", "--all"), ("resnet18", "--task", "classification")])
def test_download_used_wrongly_is_a_usage_error(arguments):
    assert zoo("download", *arguments).exit_code == 2


# predict


def test_predict_uses_the_embedded_model_and_says_that_it_is_verified():
    result = zoo("predict", SAMPLES, "--topk", "1")
    assert result.exit_code == 0
    assert [line.split()[1] for line in result.stdout.splitlines()] == sorted(
        path.stem for path in SAMPLES.glob("*.png")
    )
    assert "(verified)" in result.stderr
    assert "package zoo_digits" in result.stderr


def test_predict_as_json_gives_labels_and_probabilities():
    (row,) = json.loads(zoo("predict", SAMPLES / "four.png", "--topk", "3", "--json", "--quiet").stdout)
    assert row["top"][0]["label"] == "four"
    assert 0.9 < row["top"][0]["score"] <= 1
    assert len(row["top"]) == 3


def test_predictions_do_not_depend_on_the_batch_size():
    one, many = (zoo("predict", SAMPLES, "--json", "--quiet", "--batch-size", size).stdout for size in ("1", "100"))
    scores = [[label["score"] for row in json.loads(text) for label in row["top"]] for text in (one, many)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)


def test_image_that_cannot_be_read_is_reported_and_the_others_go_on(tmp_path):
    put(tmp_path, "a.png", b"no image")
    Image.new("RGB", (64, 64)).save(tmp_path / "b.png")
    result = zoo("predict", tmp_path, "--quiet")
    assert result.exit_code == 1
    assert result.stdout.startswith(str(tmp_path / "b.png"))
    assert "a.png" in result.stderr
    assert "1 of 2 images could not be read" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (("nowhere.png",), 1, "no file or folder nowhere.png"),
        ((SAMPLES, "--model", "resnet500"), 2, "Did you mean"),
        ((SAMPLES, "--weights", "V9"), 2, "it has DIGITS_V1"),
        ((SAMPLES, "--topk", "0"), 2, "--topk"),
        ((SAMPLES, "--device", "abacus"), 2, "Torch knows no device 'abacus': this machine has cpu"),
        ((SAMPLES, "--device", "cpu:1"), 2, "the one device cpu"),
        ((SAMPLES, "--device", "meta"), 1, "There is no device 'meta' here: this machine has cpu"),
    ],
)
def test_predict_used_wrongly_says_what_is_wrong(arguments, status, expected):
    result = zoo("predict", *arguments)
    assert result.exit_code == status
    assert expected in result.stderr


def test_predict_on_a_folder_without_images_is_a_usage_error(tmp_path):
    assert zoo("predict", tmp_path).exit_code == 2


def test_predict_offline_without_the_weights_tells_what_to_do(monkeypatch):
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    result = zoo("predict", SAMPLES, "--model", "resnet18")
    assert result.exit_code == 1
    assert "zoo download ResNet18_Weights.IMAGENET1K_V1" in result.stderr


# doctor


def test_doctor_tells_versions_packages_caches_and_mirrors(monkeypatch):
    with FileServer({}) as mirror:
        monkeypatch.setenv("ZOO_MIRRORS", mirror.url)
        result = zoo("doctor")
    assert result.exit_code == 0
    for part in ("torch", "zoo_classification", "zoo_digits", "downloads", f"{mirror.url}"):
        assert part in result.stdout


def test_doctor_tells_machines_the_same(monkeypatch):
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    findings = json.loads(zoo("doctor", "--json").stdout)
    assert {"Python", "torch", "zoo_core"} & {finding["what"] for finding in findings}
    lines = zoo("doctor").stdout.splitlines()
    assert len([line for line in lines if not line.startswith(" ")]) == len(findings)


def test_doctor_names_the_library_that_is_missing(monkeypatch):
    monkeypatch.setattr(_doctor, "_LIBRARIES", ("torch", "no-such-library"))
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    result = zoo("doctor")
    assert "pip install no-such-library" in result.stdout
    assert result.exit_code == 1
    assert "to mend: no-such-library" in result.stderr


def test_doctor_fails_and_names_the_remedy_when_nothing_can_be_kept(tmp_path, monkeypatch):
    put(tmp_path, "in the way")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "in the way"))
    result = zoo("doctor")
    assert result.exit_code == 1
    assert "set TORCH_HOME to a folder" in result.stdout


def test_doctor_looks_at_folders_that_must_not_be_entered(tmp_path, monkeypatch):
    with public_folder() as folder:
        for name in ("weights", "torch"):
            (folder / name / "inside").mkdir(parents=True)
            (folder / name).chmod(0o000)
        monkeypatch.setenv("ZOO_WEIGHTS_PATH", str(folder / "weights" / "inside"))
        monkeypatch.setenv("TORCH_HOME", str(folder / "torch" / "inside"))
        zoo("doctor")  # imports what other users may not be able to
        with user():
            result = zoo("doctor")
    assert result.exit_code == 1
    assert "set TORCH_HOME to a folder" in result.stdout
    assert f"{folder / 'weights' / 'inside'}: not there" in result.stdout


def test_without_a_home_folder_the_remedy_is_told(monkeypatch):
    def no_home(_path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    result = zoo("doctor")
    assert result.exit_code == 1
    assert "set HOME, or XDG_CACHE_HOME" in result.stderr


def test_doctor_corrects_a_mirror_of_unknown_form(monkeypatch):
    monkeypatch.setenv("ZOO_MIRRORS", "ftp://host")
    assert "correct ZOO_MIRRORS" in zoo("doctor").stdout


@pytest.mark.parametrize("command", [
    "cache ls", "cache verify", "cache prune", "download tiny", "mirror verify", "info Tiny_Weights.V1", "doctor",
])  # fmt: skip
def test_setting_that_cannot_be_understood_is_wrong_usage_in_one_line(tiny, monkeypatch, command):
    monkeypatch.setenv("ZOO_REQUIRE", "everything")
    result = zoo(*command.split())
    assert result.exit_code == 2
    assert "Error: ZOO_REQUIRE is 'everything': expected 'full', or nothing." in result.stderr.splitlines()
