"""Saving a model as a folder: what is written, what is refused, and what stays when something goes wrong."""

import copy
import errno
import json
import os
import pickle
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from core.saved.conftest import CATEGORIES, DIGITS, same
from zoo_core import get_model, get_model_weights, get_weight, save_model
from zoo_core.building import origin_of, without_files
from zoo_core.errors import SavedModelError, WeightsUnavailableError
from zoo_core.files import Manifest, sha256_of
from zoo_core.transforms import ImageClassification

IMAGE = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def test_model_of_a_folder_is_the_one_that_was_saved(trained, folder):
    found = get_model("local-dir:shapes").eval()
    assert same(found.state_dict(), trained.state_dict())
    assert torch.equal(found(IMAGE), trained(IMAGE))


@pytest.mark.parametrize("name", ["./shapes", "shapes/", "local-dir:shapes", "local-dir:./shapes/"])
def test_folder_has_one_name_however_its_path_is_written(folder, name):
    assert str(get_weight(name)) == "local-dir:shapes"


def test_weights_have_what_was_said_of_them(folder):
    weights = get_model_weights("local-dir:shapes").DEFAULT
    assert weights.meta["categories"] == CATEGORIES
    assert weights.meta["license"] == "MIT"
    assert weights.meta["_metrics"] == {"Shapes": {"acc@1": 75.0}}
    assert weights.meta["min_size"] == (1, 1)
    assert weights.meta["parent"]["name"] == "ShuffleNet_V2_X0_5_Digits_Weights.DIGITS_V1"
    assert weights.transforms().crop_size == [64]
    assert get_weight("shapes/") == weights or str(get_weight("shapes/")) == str(weights)


def test_folder_without_a_separator_in_its_name_is_hinted_at(folder):
    with pytest.raises(ValueError, match=r"There is a folder of that name: for the model in it, write \./shapes"):
        get_model("shapes")


def test_same_model_gives_the_same_bytes(trained, folder):
    save_model(trained, "again", categories=CATEGORIES, license="MIT", metrics={"Shapes": {"acc@1": 75.0}})
    for name in ("model.safetensors", "config.json"):
        assert (folder / name).read_bytes() == Path("again", name).read_bytes()


def test_readme_of_somebody_else_stays_and_that_of_zoo_is_renewed(trained, folder):
    assert "75.0" in (folder / "README.md").read_text()
    save_model(trained, folder, categories=CATEGORIES, metrics={"Shapes": {"acc@1": 80.0}})
    assert "80.0" in (folder / "README.md").read_text()
    (folder / "README.md").write_text("mine")
    save_model(trained, folder, categories=CATEGORIES)
    assert (folder / "README.md").read_text() == "mine"
    assert "README.md" not in Manifest.parse((folder / "manifest.json").read_bytes(), "it").files
    get_model("./shapes")


def test_other_files_of_the_folder_stay(trained, folder):
    (folder / "notes.txt").write_text("mine")
    save_model(trained, folder, categories=CATEGORIES)
    assert (folder / "notes.txt").read_text() == "mine"
    names = ["README.md", "config.json", "manifest.json", "model.safetensors", "notes.txt"]
    assert sorted(path.name for path in folder.iterdir()) == names


@pytest.mark.parametrize("step", range(4))
def test_save_that_is_stopped_between_two_files_loads_nothing_or_one_whole_model(trained, folder, monkeypatch, step):
    before = {key: value.clone() for key, value in trained.state_dict().items()}
    with torch.no_grad():
        trained.fc.bias.add_(1.0)
    after = trained.state_dict()
    replace, count = Path.replace, iter(range(10))

    def stopped(self, target):
        if next(count) == step:
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        save_model(trained, folder, categories=[*CATEGORIES[:2], "moon"])
    monkeypatch.setattr(Path, "replace", replace)
    try:
        found = get_model("local-dir:shapes").state_dict()
    except (WeightsUnavailableError, SavedModelError) as error:
        assert "shapes" in str(error)  # noqa: PT017
        assert step > 0
    else:
        assert same(found, before) or same(found, after)
    assert not list(folder.glob("*.new*"))
    save_model(trained, folder, categories=[*CATEGORIES[:2], "moon"])
    assert same(get_model("local-dir:shapes").state_dict(), after)
    assert get_weight("local-dir:shapes").meta["categories"][2] == "moon"


def test_full_disk_leaves_the_model_that_was_there(trained, folder, monkeypatch):
    folder = folder.absolute()
    digests = {path.name: sha256_of(path) for path in folder.iterdir()}

    def full(self, *args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        save_model(trained, folder, categories=CATEGORIES, metrics={"Shapes": {"acc@1": 1.0}})
    monkeypatch.undo()
    assert {path.name: sha256_of(path) for path in folder.iterdir()} == digests


def test_weights_that_do_not_fit_on_the_disk_leave_the_model_that_was_there(trained, folder, monkeypatch):
    from safetensors import SafetensorError

    def full(*args, **kwargs):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    digests = {path.name: sha256_of(path) for path in folder.iterdir()}
    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(OSError, match=r"cannot be written.*No space left"):
        save_model(trained, folder, categories=CATEGORIES, metrics={"Shapes": {"acc@1": 1.0}})
    assert {path.name: sha256_of(path) for path in folder.iterdir()} == digests


def test_folder_that_cannot_be_made_is_an_error_of_the_system(trained, folder):
    with pytest.raises(OSError, match=r"README\.md"):
        save_model(trained, folder / "README.md" / "inside", categories=CATEGORIES)


def test_model_without_names_of_its_classes_is_refused(trained, folder):
    with pytest.raises(ValueError, match="The model has 3 classes, and none are given: name all of them"):
        save_model(trained, "other")
    assert not Path("other").exists()


def test_model_with_another_number_of_names_is_refused(trained, folder):
    with pytest.raises(ValueError, match="The model has 3 classes, and 2 are given"):
        save_model(trained, "other", categories=["one", "two"])


@pytest.mark.parametrize("weights", [None, "DEFAULT"])
def test_a_model_with_the_usual_number_of_classes_takes_as_many_names(tmp_path, weights):
    with without_files():
        model = get_model("shufflenet_v2_x0_5", weights=weights)
    names = [f"class {number}" for number in range(1000)]
    saved = save_model(model, tmp_path / "model", categories=names)
    assert get_model_weights(saved.name).DEFAULT.meta["categories"] == names
    assert same(get_model(saved.name).state_dict(), model.state_dict())
    with pytest.raises(ValueError, match=r"has (1000|another number of) classes, and 5 are given"):
        save_model(model, tmp_path / "other", categories=names[:5])


def test_head_that_was_replaced_by_hand_is_told_by_the_names(folder):
    model = get_model(DIGITS, weights="DEFAULT")
    model.fc = nn.Linear(model.fc.in_features, 2)
    save_model(model, "two", categories=["even", "odd"])
    assert same(get_model("./two").state_dict(), model.state_dict())


def test_network_that_was_changed_is_refused_with_what_differs(trained, folder):
    trained.extra = nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"extra\.weight is not expected"):
        save_model(trained, "other", categories=CATEGORIES)


def test_what_a_killed_process_has_left_is_removed_by_the_next_save(trained, folder):
    old, new, mine = (
        folder / f"{name}"
        for name in ("model.safetensors.0123abcd.safetensors", "config.json.0123abcd.new", "model.safetensors.bak")
    )
    for path in (old, new, mine):
        path.write_bytes(b"")
    os.utime(old, (0, 0))
    save_model(trained, folder, categories=CATEGORIES)
    assert not old.exists()
    assert new.exists()
    assert mine.exists()


def test_network_of_nobody_s_needs_its_architecture(folder):
    with pytest.raises(ValueError, match="not known how this Linear was built: give architecture="):
        save_model(nn.Linear(2, 2), "other")


def test_network_that_was_built_without_zoo_is_saved_with_its_architecture(trained, folder):
    bare = type(trained).__new__(type(trained))
    bare.__dict__ = {key: value for key, value in trained.__dict__.items() if key != "_zoo_origin"}
    assert origin_of(bare) is None
    save_model(bare, "other", architecture=DIGITS, arguments={"num_classes": 3}, categories=CATEGORIES)
    assert same(get_model("./other").state_dict(), trained.state_dict())


def test_saved_model_is_no_architecture(trained, folder):
    with pytest.raises(ValueError, match="architecture= is a name of list_models"):
        save_model(trained, "other", architecture="local-dir:shapes", categories=CATEGORIES)


def test_argument_that_no_file_can_hold_is_named(tmp_path):
    model = get_model("resnet18", num_classes=2, norm_layer=partial(nn.BatchNorm2d, eps=0.1))
    with pytest.raises(ValueError, match="the builder's arguments has norm_layer=a partial"):
        save_model(model, tmp_path / "other", categories=["a", "b"])


def test_preset_of_somebody_s_own_is_refused(trained, folder):
    class Mine(ImageClassification):
        pass

    with pytest.raises(ValueError, match="Mine cannot be saved: expected one of ImageClassification"):
        save_model(trained, "other", categories=CATEGORIES, preset=Mine(crop_size=8))


def test_preset_that_is_given_comes_back(trained, folder):
    save_model(trained, "other", categories=CATEGORIES, preset=ImageClassification(crop_size=32, resize_size=40))
    preset = get_weight("./other").transforms()
    assert (preset.crop_size, preset.resize_size) == ([32], [40])


@pytest.mark.parametrize("facts", [{"license": "MIT"}, {"_docs": "x"}, {"dataset_terms": {}}])
def test_facts_that_are_said_elsewhere_are_refused(trained, folder, facts):
    with pytest.raises(ValueError, match="which is said elsewhere"):
        save_model(trained, "other", categories=CATEGORIES, facts=facts)


def test_quantized_model_is_refused(tmp_path):
    pytest.importorskip("zoo_classification.quantization")
    from zoo_core.building import without_files

    with without_files():
        model = get_model("quantized_shufflenet_v2_x0_5", weights="DEFAULT", quantize=True)
    with pytest.raises(ValueError, match="cannot be saved as safetensors"):
        save_model(model, tmp_path / "int8")
    assert not list(tmp_path.glob("int8/*"))


def test_model_without_values_is_refused(tmp_path):
    with torch.device("meta"):
        model = get_model("shufflenet_v2_x0_5", num_classes=2)
    with pytest.raises(ValueError, match="is on the meta device"):
        save_model(model, tmp_path / "nothing", categories=["a", "b"])


def test_compiled_model_is_saved_as_what_it_is(trained, folder):
    save_model(torch.compile(trained, backend="eager"), "other", categories=CATEGORIES)
    assert same(get_model("./other").state_dict(), trained.state_dict())


def test_model_of_distributed_training_is_saved_as_what_it_is(trained, folder, tmp_path):
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        save_model(nn.parallel.DistributedDataParallel(trained), "other", categories=CATEGORIES)
    finally:
        torch.distributed.destroy_process_group()
    assert same(get_model("./other").state_dict(), trained.state_dict())


def test_half_precision_is_kept_in_the_file_and_built_in_the_default_precision(trained, folder):
    save_model(trained.half(), "half", categories=CATEGORIES)
    assert Path("half/model.safetensors").stat().st_size < 0.6 * (folder / "model.safetensors").stat().st_size
    found = get_model("./half")
    assert {value.dtype for value in found.parameters()} == {torch.float32}
    assert same(found.half().state_dict(), trained.state_dict())


def test_model_that_was_trained_from_a_saved_one_names_it_and_keeps_its_use(folder):
    model = get_model("local-dir:shapes")
    digest = sha256_of(folder / "model.safetensors")
    for path in folder.iterdir():  # what was loaded is needed no more
        path.unlink()
    saved = save_model(model, "child")
    assert saved.config.parent == {"name": "local-dir:shapes", "sha256": digest}
    assert saved.config.categories == tuple(CATEGORIES)
    assert saved.config.architecture == DIGITS
    assert saved.weights.transforms().crop_size == [64]
    assert saved.weights.meta["min_size"] == (1, 1)
    grandchild = save_model(get_model("local-dir:child"), "grandchild")
    assert grandchild.config.parent["name"] == "local-dir:child"


def test_other_number_of_classes_gives_a_fresh_classifier_on_the_saved_trunk(trained, folder, caplog):
    found = get_model("local-dir:shapes", num_classes=5)
    assert found.fc.out_features == 5
    assert torch.equal(found.conv1[0].weight, trained.conv1[0].weight)
    assert "fc.bias, fc.weight kept as initialised" in caplog.text
    assert save_model(found, "five", categories="abcde").config.categories == tuple("abcde")


def test_network_without_weights_is_initialised_anew(trained, folder):
    found = get_model("local-dir:shapes", weights=None)
    assert found.fc.out_features == 3
    assert not torch.equal(found.fc.weight, trained.fc.weight)
    assert save_model(found, "fresh", categories=CATEGORIES).config.parent is None


def test_weights_are_copied_and_pickled_by_name(folder):
    weights = get_weight("local-dir:shapes")
    assert copy.deepcopy(weights) is weights
    assert copy.copy(weights) is weights
    assert str(pickle.loads(pickle.dumps(weights))) == "local-dir:shapes"


def test_model_holds_no_argument_that_was_not_plain(tmp_path):
    model = get_model("resnet18", num_classes=2, norm_layer=lambda channels: nn.GroupNorm(1, channels))
    assert repr(origin_of(model).arguments["norm_layer"]) == "a function"


def test_weights_that_were_found_before_are_the_ones_that_are_built(trained, folder):
    weights = get_weight("local-dir:shapes")
    save_model(get_model(DIGITS, weights="DEFAULT"), folder)
    with pytest.raises(WeightsUnavailableError, match="SHA-256"):
        get_model("local-dir:shapes", weights=weights)


def test_nothing_of_torch_is_imported_to_know_a_model(folder):
    import subprocess

    code = (
        "import sys; from zoo_core import get_model_weights\n"
        "weights = get_model_weights('local-dir:shapes').DEFAULT\n"
        "assert weights.meta['categories'] and weights.file.digest and weights.transforms\n"
        "print(sorted({'torch', 'numpy', 'PIL.Image', 'huggingface_hub', 'safetensors', 'tqdm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_torch_hub_builds_it_by_name(trained, folder):
    repository = str(Path(__file__).parents[3])
    found = torch.hub.load(repository, "get_model", "local-dir:shapes", source="local")
    assert same(found.state_dict(), trained.state_dict())
    weights = torch.hub.load(repository, "get_weight", "local-dir:shapes", source="local")
    assert json.dumps(weights.meta["categories"]) == json.dumps(CATEGORIES)
