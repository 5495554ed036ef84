"""Recipes: what is written is what is read, and what is wrong is named."""

import re
from dataclasses import fields, replace

import pytest
from click.testing import CliRunner

from drawn_data import write_label_maps
from zoo_core import task_of
from zoo_core.cli import main
from zoo_core.names import load_reference
from zoo_training import Recipe, prepare, read_recipe, write_recipe
from zoo_training._recipe import HELD, require_used

OTHERS = {
    "epochs": 7, "batch_size": 5, "optimizer": "sgd", "lr": 0.02, "momentum": 0.8, "weight_decay": 0.1,
    "layer_decay": 0.75, "warmup": 0.2, "final_lr": 0.1, "clip_gradients": 0.0, "ema_decay": 0.5,
    "label_smoothing": 0.0, "mixup": 0.2, "cutmix": 1.0, "flip": 1.0, "crop": 1.0, "color": 0.0, "scale_jitter": 0.5,
    "least_scale": 0.1, "clip_len": 8, "frame_rate": 12.5, "flow_updates": 4, "lora": 8, "views": 3,
    "size": 64, "precision": "bfloat16", "freeze": "layer4.0", "patience": 3, "validation": 0.5, "seed": 2**40,
    "arguments": {"dropout": 0.5, "norm": 'a "quoted"\ttext, ä\\', "deep": True, "sizes": [1, 2.5, "x"]},
}  # fmt: skip


@pytest.mark.parametrize("name", [each.name for each in fields(Recipe)])
def test_each_value_is_read_as_it_was_written(tmp_path, name):
    recipe = Recipe().but(**{name: OTHERS[name]})
    assert recipe != Recipe()
    write_recipe(recipe, tmp_path / "recipe.toml")
    assert read_recipe(tmp_path / "recipe.toml") == recipe
    assert f"# {next(each for each in fields(Recipe) if each.name == name).metadata['text']}\n" in (
        tmp_path / "recipe.toml"
    ).read_text(encoding="utf-8")


@pytest.mark.parametrize("number", [1e-300, 0.1 + 0.2, 1e22, 3.0])
def test_numbers_keep_all_their_digits(tmp_path, number):
    write_recipe(Recipe(lr=number), tmp_path / "recipe.toml")
    assert read_recipe(tmp_path / "recipe.toml").lr == number


def test_what_a_file_does_not_state_is_as_in_the_base(tmp_path):
    (tmp_path / "recipe.toml").write_text("lr = 1\n")
    recipe = read_recipe(tmp_path / "recipe.toml", Recipe(epochs=3))
    assert (recipe.lr, recipe.epochs) == (1.0, 3)


def test_a_wrong_name_suggests_the_right_one(tmp_path):
    (tmp_path / "recipe.toml").write_text("epoch = 3\n")
    with pytest.raises(ValueError, match=r"recipe.toml: A recipe has no 'epoch'.*epochs"):
        read_recipe(tmp_path / "recipe.toml")


@pytest.mark.parametrize(
    ("values", "error", "text"),
    [
        ({"epochs": 0}, ValueError, "epochs should be at least 1, found 0"),
        ({"epochs": 2.0}, TypeError, "epochs should be a whole number, found 2.0"),
        ({"epochs": True}, TypeError, "epochs should be a whole number, found True"),
        ({"lr": "fast"}, TypeError, "lr should be a number, found 'fast'"),
        ({"lr": True}, TypeError, "lr should be a number, found True"),
        ({"lr": 0.0}, ValueError, "lr should be above 0, .*found 0.0"),
        ({"lr": float("nan")}, ValueError, "lr should be"),
        ({"lr": float("inf")}, ValueError, "lr should be"),
        ({"mixup": float("nan")}, ValueError, "mixup should be at least 0"),
        ({"clip_gradients": float("inf")}, ValueError, "clip_gradients should be"),
        ({"ema_decay": 1.0}, ValueError, "ema_decay should be from 0 to 1"),
        ({"flip": 1.5}, ValueError, "flip should be from 0 to 1"),
        ({"crop": 1.5}, ValueError, "crop should be"),
        ({"optimizer": "adam"}, ValueError, "optimizer should be one of adamw, sgd, found 'adam'"),
        ({"precision": "half"}, ValueError, "precision should be one of"),
        ({"lora": -1}, ValueError, "lora should be at least 0"),
        ({"lora": 8, "freeze": "head"}, ValueError, "leave out freeze, found 'head'"),
        ({"arguments": 3}, TypeError, "arguments should be a table, found 3"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_values_are_named(values, error, text):
    with pytest.raises(error, match=text):
        Recipe(**values)


@pytest.mark.parametrize("content", [b"lr = ", b"\xff\xfe", b"lr = 1\nlr = 2"])
def test_what_is_no_toml_is_named(tmp_path, content):
    (tmp_path / "recipe.toml").write_bytes(content)
    with pytest.raises(ValueError, match=r"recipe\.toml is no TOML"):
        read_recipe(tmp_path / "recipe.toml")


@pytest.mark.parametrize("value", [None, {"a": 1}, object()])
def test_what_a_file_cannot_hold_is_named_and_leaves_the_file(tmp_path, value):
    write_recipe(Recipe(), tmp_path / "recipe.toml")
    with pytest.raises(ValueError, match="A recipe cannot hold"):
        write_recipe(replace(Recipe(), arguments={"x": value}), tmp_path / "recipe.toml")
    assert read_recipe(tmp_path / "recipe.toml") == Recipe()


@pytest.mark.parametrize(
    ("holds", "values", "text"),
    [
        (
            "label maps",
            {"mixup": 0.2},
            "Training of label maps does not use mixup = 0.2 (for classes and videos): leave",
        ),
        (
            "objects",
            {"mixup": 0.2, "cutmix": 1.0},
            "objects does not use mixup = 0.2 (for classes and videos), cutmix =",
        ),
        ("flows", {"views": 2}, "Training of flows does not use views = 2 (for classes): leave that out."),
        ("videos", {"views": 2}, "Training of videos does not use views = 2"),
        ("label maps", {"crop": 1.0}, "does not use crop = 1.0"),
        ("objects", {"label_smoothing": 0.2}, "(for classes, videos and label maps)"),
        ("flows", {"label_smoothing": 0.2}, "does not use label_smoothing = 0.2"),
        ("classes", {"scale_jitter": 0.5}, "does not use scale_jitter = 0.5 (for label maps, objects and flows)"),
        ("label maps", {"least_scale": 0.5}, "does not use least_scale = 0.5 (for objects)"),
        ("classes", {"clip_len": 8}, "does not use clip_len = 8 (for videos)"),
        ("label maps", {"frame_rate": 8.0}, "does not use frame_rate = 8.0 (for videos)"),
        ("videos", {"flow_updates": 4}, "does not use flow_updates = 4 (for flows)"),
        (
            "classes",
            {"views": 2},
            "views = 2 is for the features of a frozen network, without mixup and cutmix: add freeze",
        ),
        ("classes", {"views": 2, "freeze": "head", "mixup": 0.2}, "views = 2 is for the features"),
        ("flows", {"momentum": 0.8}, 'momentum = 0.8 is of sgd, found optimizer = "adamw": add optimizer = "sgd"'),
    ],
)
def test_values_that_a_task_does_not_use_are_refused(holds, values, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        require_used(Recipe(**values), holds)
    require_used(Recipe(**values), holds, Recipe(**values))  # as a run was begun, or as is usual
    require_used(Recipe(**values), "depths")  # of somebody's package


@pytest.mark.parametrize(
    ("holds", "values"),
    [
        ("classes", {"mixup": 0.2, "cutmix": 1.0, "crop": 1.0, "label_smoothing": 0.0, "size": 64}),
        ("classes", {"views": 2, "freeze": "head"}),
        ("videos", {"mixup": 0.2, "crop": 0.5, "clip_len": 8, "frame_rate": 5.0}),
        ("label maps", {"scale_jitter": 1.0, "label_smoothing": 0.0}),
        ("objects", {"scale_jitter": 1.0, "least_scale": 0.1}),
        ("flows", {"scale_jitter": 0.3, "flow_updates": 4}),
        ("objects", {"mixup": 0.0, "views": 1}),
        ("classes", {"optimizer": "sgd", "momentum": 0.8}),
    ],
)
def test_values_that_a_task_uses_are_taken(holds, values):
    require_used(Recipe(**values), holds)


def test_recipes_know_what_the_tasks_hold():
    models = ("resnet18", "r3d_18", "fcn_resnet50", "fasterrcnn_resnet50_fpn", "raft_small")
    assert tuple(load_reference(task_of(model).training).holds for model in models) == HELD


def test_a_value_without_effect_is_refused_before_anything_is_written(tmp_path):
    write_label_maps(tmp_path / "shapes", 4)
    options = ("-m", "lraspp_mobilenet_v3_large", "--weights", "none", "--set", "mixup=0.2")
    done = CliRunner().invoke(main, ["train", str(tmp_path / "shapes"), "-o", str(tmp_path / "run"), *options])
    assert done.exit_code == 2
    assert "Training of label maps does not use mixup = 0.2 (for classes and videos): leave that out." in done.output
    assert not (tmp_path / "run").exists()
    begun = Recipe(mixup=0.2)  # when that was not refused yet
    assert prepare(options[1], tmp_path / "shapes", begun=begun, weights=None).training.recipe.mixup == 0.2
