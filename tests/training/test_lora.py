"""Adapters of peft in transformers: what trains, what is saved, and what cannot be adapted."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from training.worlds import in_child, same, timeless
from zoo_classification import resnet18
from zoo_core import _packages, get_model
from zoo_core.cli import main
from zoo_core.tuning import ExponentialMovingAverage, parameter_groups
from zoo_training import Recipe, merge_adapters, prepare, train
from zoo_training._lora import RATE, add_adapters
from zoo_training.tasks.classification import ClassificationTraining

MODELS = ("vit_narrow", "swin_narrow", "swin_v2_narrow")
VALUES = {
    "lora": 4, "epochs": 2, "batch_size": 4, "lr": 0.01, "precision": "float32", "ema_decay": 0.5,
    "arguments": {"num_classes": 3},
}  # fmt: skip


@pytest.fixture
def models(monkeypatch):
    """Install narrow transformers for one test."""
    monkeypatch.syspath_prepend(Path(__file__).parent / "lora_package")
    _packages.plug_ins.cache_clear()
    yield
    _packages.plug_ins.cache_clear()


@pytest.fixture
def peft(models):
    return pytest.importorskip("peft")


def run(name, data, folder, **more):
    return train(name, data, VALUES | more.pop("recipe", {}), output=folder, weights=None, workers=0, **more)


def plain(name):
    torch.manual_seed(0)
    network = get_model(name, weights=None, num_classes=3).eval()
    if name == "vit_narrow":
        torch.nn.init.normal_(network.heads.head.weight)  # zero at first
    return network


def images():
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def learnt(network):
    """Train a network with adapters for some steps, and return it in evaluation mode."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=0.03)
    for _ in range(3):
        optimizer.zero_grad()
        network.train()(images()).square().mean().backward()
        optimizer.step()
    return network.eval()


@pytest.mark.parametrize("name", MODELS)
def test_adapters_change_nothing_at_first(peft, name):
    network = plain(name)
    before = network(images())
    kind = type(network)
    add_adapters(network, 4)
    assert type(network) is kind
    torch.testing.assert_close(network(images()), before, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("vit_narrow", ["mlp.0", "mlp.3", "self_attention.in_projection_layer", "self_attention.out_proj"]),
        ("swin_narrow", ["attn.proj", "attn.qkv", "mlp.0", "mlp.3"]),
        ("swin_v2_narrow", ["attn.in_projection_layer", "attn.proj", "mlp.0", "mlp.3"]),
    ],
)
def test_every_linear_layer_of_every_block_has_an_adapter_that_learns(peft, name, layers):
    network = plain(name)
    names = add_adapters(network, 4)
    assert sorted({".".join(each.split(".")[-2:]) for each in names}) == layers
    assert len(names) == len(layers) * (2 if name == "vit_narrow" else 3)
    assert {each for each, module in network.named_modules() if hasattr(module, "lora_A")} == set(names)
    learnt(network)
    trained = {each: parameter.grad for each, parameter in network.named_parameters() if parameter.requires_grad}
    assert all(gradient is not None and gradient.any() for gradient in trained.values())
    assert len(trained) == 2 * len(names) + 2
    assert {each for each in trained if "lora" not in each} == {
        f"{network.classifiers[0]}.weight",
        f"{network.classifiers[0]}.bias",
    }


@pytest.mark.parametrize("name", MODELS)
def test_merged_it_is_the_plain_network_with_the_scores_of_the_adapted_one(peft, name):
    network = plain(name)
    before, state, attributes = str(network), network.state_dict(), set(vars(network))
    old = {each: value.clone() for each, value in state.items()}
    add_adapters(network, 4)
    expected = learnt(network)(images())
    assert not torch.allclose(expected, plain(name)(images()), atol=1e-2)
    assert merge_adapters(network) is network
    assert str(network) == before
    assert list(network.state_dict()) == list(state)
    assert set(vars(network)) == attributes
    assert not any("in_projection" in vars(module) for module in network.modules())
    torch.testing.assert_close(network(images()), expected, rtol=1e-4, atol=1e-5)
    changed = {each for each, value in network.state_dict().items() if not torch.equal(value, old[each])}
    beside = {
        ".norm",
        "ln_",
        ".ln.",
        "position",
        "pos_embedding",
        "class_token",
        "conv_proj",
        "features.0",
        "reduction",
    }
    assert not any(part in each for each in changed for part in (*beside, "cpb_mlp", "logit_scale"))
    assert sum(each.endswith("weight") for each in changed) >= 9


@pytest.mark.parametrize("name", MODELS)
def test_the_merged_network_is_exported(peft, name):
    network = plain(name)
    add_adapters(network, 4)
    merge_adapters(learnt(network))
    exported = torch.export.export(network, (images(),)).module()
    torch.testing.assert_close(exported(images()), network(images()), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_adapters_have_the_rate_of_their_block(peft, name):
    network = plain(name)
    before = rates(network)
    add_adapters(network, 4)
    for each, rate in rates(network).items():
        own = each.split(".lora_")[0].replace("in_projection_layer", "")
        assert {rate} == {before[other] for other in before if other.startswith(own)}, each


def rates(network):
    groups = parameter_groups(network, 1.0, layer_decay=0.5)
    return {name: group["lr"] for group in groups for name in group["names"]}


def test_the_average_of_weights_follows_adapters(peft):
    network = plain("vit_narrow")
    add_adapters(network, 4)
    average = ExponentialMovingAverage(network, 0.5)
    learnt(network)
    average.update(network)
    scores = average.module(images())
    network.load_state_dict(average.module.state_dict())
    assert torch.equal(network(images()), scores)
    torch.testing.assert_close(merge_adapters(average.module)(images()), scores, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_what_a_run_saves_is_an_ordinary_model(peft, colours, tmp_path, monkeypatch, name):
    done = run(name, colours, tmp_path / "run")
    state = load_file(done.folder / "model.safetensors")
    assert state.keys() == plain(name).state_dict().keys()
    monkeypatch.setitem(sys.modules, "peft", None)
    model = get_model(f"local-dir:{done.folder}").eval()
    assert model(images()).shape == (2, 3)
    saved = json.loads((done.folder / "config.json").read_text())
    assert "lora" not in json.dumps(saved)


def test_the_metrics_are_those_of_the_merged_network(peft, colours, tmp_path, monkeypatch):
    from zoo_training import _train

    measured = []
    monkeypatch.setattr(_train, "_difference", lambda found, whole: measured.append(whole) or [])
    done = run("vit_narrow", colours, tmp_path / "run")
    assert measured == [done.metrics]


@pytest.mark.parametrize("name", MODELS)
def test_killed_within_a_step_it_goes_on_bit_by_bit(peft, colours, tmp_path, monkeypatch, name):
    from zoo_training import _engine

    whole = run(name, colours, tmp_path / "whole")
    monkeypatch.setattr(_engine, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(_engine, "CHECKPOINT_SHARE", 1e9)
    usual, steps = ClassificationTraining.loss, 0

    def deadly(self, model, batch):
        nonlocal steps
        steps += 1
        if steps == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return usual(self, model, batch)

    def killed():
        ClassificationTraining.loss = deadly
        run(name, colours, tmp_path / "run")

    assert in_child(killed) == -signal.SIGKILL
    assert (tmp_path / "run" / "checkpoint.pt").is_file()
    again = run(name, colours, tmp_path / "run", resume=True)
    states = [load_file(each.folder / "model.safetensors") for each in (whole, again)]
    assert same(*states)
    assert timeless(again.epochs) == timeless(whole.epochs)


def test_a_finished_run_gives_the_same_model_again(peft, colours, tmp_path):
    first = (run("swin_narrow", colours, tmp_path / "run").folder / "model.safetensors").read_bytes()
    assert (
        run("swin_narrow", colours, tmp_path / "run", resume=True).folder / "model.safetensors"
    ).read_bytes() == first


def test_adapters_have_a_greater_usual_rate_on_what_has_learnt_before(peft, colours, tmp_path):
    begun = run("vit_narrow", colours, tmp_path / "run", recipe={"lora": 0, "epochs": 1}).folder
    name = f"local-dir:{begun}"
    rates = [prepare(name, colours, {"lora": rank}).training.recipe.lr for rank in (0, 4)]
    assert rates[1] == pytest.approx(RATE * rates[0])
    assert prepare(name, colours, {"lora": 4, "lr": 0.5}).training.recipe.lr == 0.5
    assert prepare(name, colours, begun=Recipe(lora=4, lr=0.25)).training.recipe.lr == 0.25


def test_without_peft_it_is_said_how_to_install_it_before_anything_is_written(models, colours, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ValueError, match=r"lora needs the adapters of peft, .*pip install 'zoo-training\[lora\]'"):
        run("vit_narrow", colours, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_network_without_blocks_is_refused_before_peft_is_looked_for(colours, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ValueError, match=r"ResNet has no blocks .* that lora could adapt, as ViT and Swin have"):
        train("resnet18", colours, VALUES, output=tmp_path / "run", weights=None, workers=0)
    assert not (tmp_path / "run").exists()


def test_the_command_says_it_in_a_line(colours, tmp_path):
    options = ["-m", "resnet18", "--weights", "none", "-o", str(tmp_path / "run"), "--set", "lora=8"]
    done = CliRunner().invoke(main, ["train", str(colours), *options])
    assert done.exit_code == 2
    assert "ResNet has no blocks" in done.output


def test_nothing_is_merged_where_nothing_was_added():
    network = resnet18(num_classes=3)
    before = str(network)
    assert str(merge_adapters(network)) == before
