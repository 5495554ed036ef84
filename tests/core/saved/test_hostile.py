"""Folders that are wrong, or were made to do harm: clear errors, and nothing is loaded, imported or run."""

import json
import os
import pickle
from pathlib import Path

import pytest
import torch

from core.saved.conftest import state_files
from zoo_core import get_model, get_model_weights, get_weight
from zoo_core._registry import get_model_entry
from zoo_core.errors import CheckpointError, ManifestError, SavedModelError, WeightsUnavailableError

SHAPES = "local-dir:shapes"


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_file_that_was_tampered_with_is_refused(folder, name):
    flip(folder / name)
    with pytest.raises(WeightsUnavailableError, match=rf"(?s)No source has {name} .*has wrong bytes"):
        get_model(SHAPES)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_file_that_is_missing_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(WeightsUnavailableError, match=f"has no file {name}"):
        get_model(SHAPES)


def test_folder_without_a_manifest_says_what_writes_one(folder):
    (folder / "manifest.json").unlink()
    with pytest.raises(SavedModelError, match=r"without a saved model: it has no manifest\.json\. save_model\(\)"):
        get_model(SHAPES)


def test_folder_that_is_not_there_is_named():
    with pytest.raises(SavedModelError, match="there is no folder nowhere"):
        get_model("local-dir:nowhere")


def test_mirror_is_no_model(folder):
    text = (folder / "manifest.json").read_text().replace("config.json", "Tiny_Weights.V1/config.json")
    (folder / "manifest.json").write_text(text)
    with pytest.raises(SavedModelError, match=r"something else than one model: its manifest\.json lists no config"):
        get_model(SHAPES)


@pytest.mark.parametrize("content", [b"{", b"[]", b'"x"', b'{"format": "zoo-manifest", "version": 9, "files": {}}'])
def test_manifest_that_is_none_is_refused(folder, content):
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(SavedModelError, match=r"manifest\.json cannot be read"):
        get_model(SHAPES)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a//b", "a\\b", "C:x", "\x00"])
def test_manifest_with_a_path_that_leads_out_is_refused(folder, path):
    document = json.loads((folder / "manifest.json").read_bytes())
    document["files"][path] = {"sha256": "0" * 64}
    (folder / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(SavedModelError, match="is not a path inside it"):
        get_model(SHAPES)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no JSON"),
        (b"\x80\x04", "is no JSON"),
        (b"{" * 100_000, "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "describes no model that zoo has saved"),
        (b"{}", "describes no model that zoo has saved"),
        (b'{"format": "zoo-model", "version": 2}', "has version 2, and this zoo reads version 1: install a newer"),
        (b'{"format": "zoo-model", "version": 1}', "'architecture' should be a text, found None"),
    ],
)
def test_config_that_is_none_is_refused(rewrite, content, reason):
    rewrite(content)
    with pytest.raises(SavedModelError, match=reason):
        get_model(SHAPES)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"architecture": 3}, "'architecture' should be a text"),
        ({"task": None}, "'task' should be a text"),
        ({"arguments": []}, "'arguments' should be an object"),
        ({"preprocessing": {}}, "'preset' should be a text"),
        ({"categories": "abc"}, "'categories' should be a list of texts"),
        ({"categories": [1, 2, 3]}, "'categories' should be a list of texts"),
        ({"categories": ["a", "b"]}, "it has 2 categories for 3 classes"),
        ({"metrics": {"a": 1}}, "'a' should be an object"),
        ({"metrics": {"a": {"b": "c"}}}, "the metric 'b' on 'a' should be a number"),
        ({"metrics": {"a": {"b": True}}}, "should be a number"),
        ({"parent": "x"}, "'parent' should be an object"),
        ({"parent": {"name": "x", "sha256": "zz"}}, "should be hexadecimal digits"),
        ({"license": 1}, "'license' should be a text"),
        ({"num_params": -1}, "'num_params' should be a number"),
        ({"num_params": "1"}, "'num_params' should be a number"),
        ({"facts": {"min_size": "x"}}, "the fact 'min_size' should be a list of int"),
        ({"facts": {"min_size": [True]}}, "the fact 'min_size' should be a list of int"),
        ({"facts": {"dataset_terms": 3}}, "'dataset_terms' is no fact that it can state"),
        ({"facts": {"_docs": "x"}}, "'_docs' is no fact that it can state"),
        ({"version": "1"}, "has version '1'"),
    ],
)
def test_config_with_wrong_values_is_refused_with_the_first_of_them(rewrite, facts, reason):
    rewrite(**facts)
    with pytest.raises(SavedModelError, match=reason):
        get_model_entry(SHAPES)


def test_config_may_say_more_than_is_known(rewrite):
    rewrite(more={"a": 1})
    get_model(SHAPES)


def test_config_without_end_is_not_read(folder, rewrite):
    with (folder / "config.json").open("r+b") as file:
        file.truncate(17 * 2**20)
    state_files(folder)
    with pytest.raises(SavedModelError, match=r"config\.json has 17,825,792 bytes; at most 16,777,216"):
        get_model(SHAPES)


def test_manifest_that_states_a_config_without_end_is_refused_before_it_is_hashed(folder):
    document = json.loads((folder / "manifest.json").read_bytes())
    document["files"]["config.json"]["bytes"] = 2**40
    (folder / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(SavedModelError, match="are taken for one"):
        get_model(SHAPES)


def test_architecture_that_is_not_here_is_named_with_the_nearest(rewrite):
    rewrite(architecture="resnet19")
    with pytest.raises(
        SavedModelError, match=r"an architecture that is not here: Unknown model resnet19\. Did you mean"
    ):
        get_model(SHAPES)
    with pytest.raises(SavedModelError, match="not here"):
        get_model_weights(SHAPES)


@pytest.mark.parametrize("name", [SHAPES, "shapes/", "hf-hub:org/name", "../shapes", "os:system", "C:\\x"])
def test_architecture_is_no_saved_model_and_no_reference(rewrite, name):
    rewrite(architecture=name)
    with pytest.raises(SavedModelError, match="expected the name of a registered model"):
        get_model(SHAPES)


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_classes": 3, "no_such": 1},
        {"num_classes": "three"},
        {"num_classes": -3},
        {"num_classes": 1e30},
        {"num_classes": 3, "weights": "ResNet50_Weights.DEFAULT"},
        {"num_classes": 3, "weights": "local-dir:other"},
        {"num_classes": 3, "weights": {"a": 1}},
        {"num_classes": 3, "": 1},
    ],
)
def test_arguments_that_do_not_fit_are_an_error_that_shows_them(rewrite, arguments):
    rewrite(arguments=arguments, categories=None)
    with pytest.raises(SavedModelError, match="shufflenet_v2_x0_5_digits cannot be built with the arguments"):
        get_model(SHAPES)


def test_arguments_that_make_another_classifier_are_an_error_and_no_fresh_classifier(rewrite):
    rewrite(arguments={"num_classes": 4}, categories=None)
    with pytest.raises(CheckpointError, match=r"size mismatch for fc\.weight"):
        get_model(SHAPES)


def test_architecture_of_other_layers_does_not_get_the_weights(rewrite):
    rewrite(architecture="resnet18", arguments={"num_classes": 3})
    with pytest.raises(CheckpointError, match=f"{SHAPES} does not fit ResNet"):
        get_model(SHAPES)


@pytest.mark.parametrize(
    "preset", ["Mine", "os:system", "zoo_core.prediction:PredictionJob", "InterpolationMode", "partial"]
)
def test_preset_that_is_not_known_is_refused(rewrite, preset):
    rewrite(preprocessing={"preset": preset})
    with pytest.raises(SavedModelError, match="expected one of ImageClassification, ObjectDetection"):
        get_weight(SHAPES)


@pytest.mark.parametrize("arguments", [{"no_such": 1}, {"crop_size": "x"}, {"crop_size": 8, "mean": 3}, {}])
def test_preset_with_arguments_that_do_not_fit_is_refused(rewrite, arguments):
    rewrite(preprocessing={"preset": "ImageClassification", **arguments})
    with pytest.raises(SavedModelError, match="the preprocessing ImageClassification cannot be built"):
        get_weight(SHAPES).transforms()


def test_config_that_is_a_pipe_is_not_waited_for(folder):
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")
    with pytest.raises(WeightsUnavailableError, match=r"has no file config\.json"):
        get_model(SHAPES)


def test_link_to_a_file_elsewhere_gives_nothing_but_what_the_manifest_states(folder, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to(tmp_path / "secret")
    with pytest.raises(WeightsUnavailableError, match="SHA-256") as caught:
        get_model(SHAPES)
    assert "secret" not in str(caught.value).replace(str(tmp_path), "")


def test_folder_of_links_is_a_model_as_those_of_a_cache_are(folder, tmp_path):
    (tmp_path / "links").mkdir()
    for path in folder.iterdir():
        (tmp_path / "links" / path.name).symlink_to(path.absolute())
    get_model("local-dir:links")


class Planted:
    """Writes a file when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("run",)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "model.pth"])
def test_pickle_is_never_read(folder, name):
    (folder / name).write_bytes(pickle.dumps(Planted()))
    torch.save({"a": Planted()}, folder / "checkpoint.pth")
    state_files(folder)
    try:
        get_model(SHAPES)
    except CheckpointError:
        assert name == "model.safetensors"
    assert not Path("run").exists()


def test_python_files_of_the_folder_are_never_imported(folder, rewrite):
    for name in ("__init__.py", "modeling.py", "zoo_core.py", "shufflenet_v2_x0_5_digits.py", "configuration.py"):
        (folder / name).write_text("import os; os.mkdir('run')")
    rewrite(auto_map={"AutoModel": "modeling.Model"}, library="modeling")
    get_model(SHAPES)
    get_weight(SHAPES).transforms()
    assert not Path("run").exists()


@pytest.mark.parametrize(
    "name", ["local-dir:", "local-dir:a\0b", "hf-hub:", "hf-hub:name", "hf-hub:a/b/c", "hf-hub:../b"]
)
def test_name_that_is_none_is_an_error(name):
    with pytest.raises(ValueError, match=r"Expected (local-dir: and the path|hf-hub:organisation/name)"):
        get_model(name)


@pytest.mark.parametrize("revision", ["", "a..b", "../x", "/x", "a b"])
def test_revision_that_is_none_is_an_error(revision):
    with pytest.raises(ValueError, match="optionally with @revision"):
        get_model(f"hf-hub:org/name@{revision}")


def test_lock_that_states_another_config_refuses_the_model(folder, rewrite, tmp_path, monkeypatch):
    from click.testing import CliRunner

    from zoo_core.cli import main

    assert CliRunner().invoke(main, ["lock", "./shapes", "-o", "zoo.lock"]).exit_code == 0
    monkeypatch.setenv("ZOO_LOCK", str(tmp_path / "zoo.lock"))
    get_model(SHAPES)
    rewrite(license="Apache-2.0")
    with pytest.raises(ManifestError, match=r"zoo\.lock contradicts manifest\.json: of local-dir/shapes/config\.json"):
        get_model(SHAPES)
    with pytest.raises(ManifestError, match="is not in the lock file"):
        get_model(str(folder.absolute()))
