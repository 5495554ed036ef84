"""Freezing, groups of parameters, and averages, over the registry where that makes sense."""

import copy

import pytest
import torch
from torch import nn

from reference.families import float_modules, one_of_each
from zoo_classification import resnet18
from zoo_core import get_model, list_models, save_model
from zoo_core.building import origin_of
from zoo_core.transforms import ImageClassification
from zoo_core.tuning import (
    ExponentialMovingAverage,
    average_states,
    freeze,
    main_classifier,
    parameter_groups,
    train_unfrozen,
)
from zoo_core.tuning._layers import layer_depths

NETWORKS = [name for module in float_modules() for name in one_of_each(module)]
STANDING = {*list_models("zoo_detection"), *list_models("zoo_segmentation")}


def on_meta(name):
    arguments = {"weights_backbone": None} if name in STANDING else {}
    with torch.device("meta"):
        return get_model(name, weights=None, **arguments)


@pytest.mark.parametrize("name", one_of_each("zoo_classification", "zoo_video"))
def test_all_but_the_classifiers_is_frozen(name):
    network = on_meta(name)
    trained = freeze(network)
    assert trained
    assert all(parameter.startswith(tuple(network.classifiers)) for parameter in trained)
    assert trained == [key for key, parameter in network.named_parameters() if parameter.requires_grad]


@pytest.mark.parametrize(("name", "until", "first", "frozen"), [
    ("resnet18", "layer3", "layer3.0.conv1.weight", "layer2.1.bn2.bias"),
    ("resnet18", "layer4.1", "layer4.1.conv1.weight", "layer4.0.downsample.1.bias"),
    ("convnext_tiny", "features.5", "features.5.0.layer_scale", "features.4.1.bias"),
    ("densenet121", "features.denseblock3", "features.denseblock3.denselayer1.norm1.weight",
     "features.transition2.conv.weight"),
    ("vit_b_16", "encoder.layers.encoder_layer_6", "encoder.layers.encoder_layer_6.ln_1.weight",
     "encoder.pos_embedding"),
    ("maxvit_t", "blocks.2", "blocks.2.", "stem.0.0.weight"),
    ("fasterrcnn_resnet50_fpn", "backbone.body.layer4", "backbone.body.layer4.0.conv1.weight",
     "backbone.body.layer3.5.bn3.bias"),
])  # fmt: skip
def test_what_comes_before_a_stage_is_frozen(name, until, first, frozen):
    network = on_meta(name)
    trained = freeze(network, until)
    assert trained[0].startswith(first)
    assert frozen not in trained


class Backwards(nn.Module):
    """Defines its layers in another order than it uses them in."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(2, 2)
        self.blocks = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.last(x)


@pytest.mark.parametrize(("until", "trained"), [
    ("last", {"last"}), ("blocks.1", {"blocks.1", "last"}), ("blocks", {"blocks.0", "blocks.1", "last"}),
])  # fmt: skip
def test_modules_are_frozen_in_the_order_of_use(until, trained):
    network = Backwards().train()
    found = freeze(network, until, example=(torch.zeros(1, 2),))
    assert {name.rpartition(".")[0] for name in found} == trained
    assert network.training
    assert not any(module._forward_pre_hooks for module in network.modules())


@pytest.mark.parametrize("name", one_of_each("zoo_classification"))
def test_networks_of_zoo_define_their_layers_in_the_order_of_use(name):
    """But for branches side by side, whose order within a layer does not matter."""
    network = on_meta(name).eval()
    depths = layer_depths(network)
    used = []
    for key, module in network.named_modules():
        own = [f"{key}.{parameter}".lstrip(".") for parameter, _ in module.named_parameters(recurse=False)]
        module.register_forward_pre_hook(lambda *_, own=own: used.extend(depths[parameter] for parameter in own))
    side = 224 if name.startswith(("vit", "maxvit")) else 96
    network(torch.rand(2, 3, side, side, device="meta"))
    assert used == sorted(used)


def test_module_that_is_not_used_cannot_be_frozen_up_to():
    with pytest.raises(ValueError, match="does not use 'unused' for the example"):
        freeze(Backwards(), "unused", example=(torch.zeros(1, 2),))


def test_unknown_module_is_an_error_that_names_others():
    with pytest.raises(ValueError, match=r"ResNet has no module 'layer9': it has conv1, bn1, .*layer4"):
        freeze(on_meta("resnet18"), "layer9")


def test_network_without_classifiers_needs_a_module():
    with pytest.raises(ValueError, match="Linear does not say which of its modules"):
        freeze(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="does not say"):
        main_classifier(nn.Linear(2, 2))


def test_second_freezing_freezes_more_and_thaws_nothing():
    network = on_meta("resnet18")
    freeze(network, "layer4")
    assert freeze(network, "layer2")[0] == "layer4.0.conv1.weight"


def test_frozen_batch_norm_keeps_its_statistics():
    network = resnet18()
    freeze(network, "layer4")
    train_unfrozen(network)
    before = copy.deepcopy(network.state_dict())
    network(torch.rand(2, 3, 64, 64))
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all(name.startswith("layer4") for name in changed)


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_are_counted_without_gaps_and_the_head_is_the_last(name):
    network = on_meta(name)
    depths = layer_depths(network)
    last = max(depths.values())
    assert list(depths) == [key for key, _ in network.named_parameters()]
    assert set(depths.values()) >= set(range(1, last + 1))
    heads = tuple(f"{head.partition('.')[0]}." for head in getattr(network, "classifiers", ()))
    if name not in STANDING:
        assert all(depths[key] == last for key in depths if key.startswith(heads))


@pytest.mark.parametrize(("name", "last", "layers"), [
    ("resnet18", 9, {"conv1.weight": 0, "bn1.bias": 0, "layer1.0.conv1.weight": 1, "layer4.1.bn2.bias": 8}),
    ("convnext_tiny", 19, {"features.0.0.weight": 0, "features.1.0.layer_scale": 1, "features.2.1.weight": 4}),
    ("vit_b_16", 13, {"class_token": 0, "encoder.pos_embedding": 0, "encoder.ln.weight": 13}),
    ("swin_t", 13, {"features.0.0.weight": 0, "features.2.reduction.weight": 3, "norm.weight": 13}),
    ("efficientnet_b0", 17, {"features.0.0.weight": 0, "features.7.0.block.0.0.weight": 16,
     "features.8.0.weight": 17}),
    ("fasterrcnn_resnet50_fpn", 18, {"backbone.body.conv1.weight": 0, "backbone.body.layer4.2.conv1.weight": 16,
     "backbone.fpn.inner_blocks.0.0.weight": 17, "rpn.head.cls_logits.weight": 18}),
    ("retinanet_resnet50_fpn", 18, {"backbone.body.layer1.0.conv1.weight": 1}),
    ("ssd300_vgg16", 23, {"backbone.features.0.weight": 0, "backbone.features.2.weight": 1}),
    ("alexnet", 5, {"features.0.weight": 0, "features.3.bias": 1, "classifier.1.weight": 5}),
])  # fmt: skip
def test_layers_are_blocks_between_stem_and_head(name, last, layers):
    depths = layer_depths(on_meta(name))
    assert max(depths.values()) == last
    assert {key: depths[key] for key in layers} == layers


@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_is_in_one_group_and_only_weights_are_decayed(name):
    network = on_meta(name)
    groups = parameter_groups(network, lr=1.0, weight_decay=0.1, layer_decay=0.75)
    names = [key for group in groups for key in group["names"]]
    assert sorted(names) == sorted(key for key, parameter in network.named_parameters() if parameter.requires_grad)
    assert max(group["lr"] for group in groups) == 1.0
    decayed = {key for group in groups if group["weight_decay"] for key in group["names"]}
    assert decayed
    assert all(key.endswith("weight") for key in decayed)


@pytest.mark.parametrize(("name", "undecayed"), [
    ("vit_b_16", {"class_token", "encoder.pos_embedding", "heads.head.bias", "encoder.ln.weight"}),
    ("swin_t", {"features.1.0.attn.relative_position_bias_table"}),
    ("swin_v2_t", {"features.1.0.attn.logit_scale", "features.1.0.attn.cpb_mlp.0.weight"}),
    ("convnext_tiny", {"features.1.0.layer_scale"}),
    ("mvit_v2_s", {"blocks.0.attn.rel_pos_h", "pos_encoding.class_token"}),
    ("resnet18", {"bn1.weight", "fc.bias"}),
])  # fmt: skip
def test_positions_tokens_scales_and_norms_are_not_decayed(name, undecayed):
    groups = parameter_groups(on_meta(name), lr=1.0, weight_decay=0.1)
    assert [group["weight_decay"] for group in groups] in ([0.0, 0.1], [0.1, 0.0])
    assert undecayed <= {key for group in groups if not group["weight_decay"] for key in group["names"]}


def test_learning_rate_shrinks_from_layer_to_layer():
    groups = parameter_groups(on_meta("resnet18"), lr=1.0, weight_decay=0.1, layer_decay=0.5)
    rates = {name: group["lr"] for group in groups for name in group["names"]}
    assert (rates["fc.weight"], rates["layer4.1.conv1.weight"], rates["conv1.weight"]) == (1.0, 0.5, 0.5**9)


def test_network_may_name_what_is_not_decayed():
    class Special(nn.Sequential):
        def no_weight_decay(self):
            return {"1.weight"}

    groups = parameter_groups(Special(nn.Linear(2, 2), nn.Linear(2, 2)), lr=1.0, weight_decay=0.1)
    assert [group["names"] for group in groups if group["weight_decay"]] == [["0.weight"]]


def test_frozen_parameters_are_in_no_group():
    network = on_meta("resnet18")
    trained = freeze(network, "layer4")
    groups = parameter_groups(network, lr=1.0)
    assert [name for group in groups for name in group["names"]] == trained
    freeze(network.requires_grad_(False))
    with pytest.raises(ValueError, match="all are frozen"):
        parameter_groups(network, lr=1.0)


@pytest.mark.parametrize("decay", [0.0, 1.5])
def test_layer_decay_out_of_range_is_an_error(decay):
    with pytest.raises(ValueError, match=r"layer_decay is in \(0, 1\]"):
        parameter_groups(nn.Linear(2, 2), lr=1.0, layer_decay=decay)


def test_average_follows_the_network_and_soon_forgets_its_beginning():
    network = nn.BatchNorm1d(1)  # whose weight is 1
    average = ExponentialMovingAverage(network, decay=0.5)
    with torch.no_grad():
        network.weight.fill_(2)
    average.update(network)  # keeps 2 / 11
    first = 2 - 2 / 11
    assert average.module.weight.item() == pytest.approx(first)
    average.update(network)  # keeps 3 / 12
    assert average.module.weight.item() == pytest.approx(2 - (2 - first) * 3 / 12)
    assert not average.module.training
    assert not average.module.weight.requires_grad


def test_average_has_the_buffers_of_the_network():
    network = nn.BatchNorm1d(1)
    average = ExponentialMovingAverage(network)
    network(torch.rand(8, 1) + 5)
    average.update(network)
    assert torch.equal(average.module.running_mean, network.running_mean)
    assert average.module.num_batches_tracked == 1


def test_average_that_goes_on_later_is_the_one_that_never_stopped():
    network = nn.Linear(2, 2)
    whole = ExponentialMovingAverage(network)
    first = ExponentialMovingAverage(copy.deepcopy(network))
    with torch.no_grad():
        network.weight.add_(1)
    whole.update(network)
    first.update(network)
    second = ExponentialMovingAverage(nn.Linear(2, 2))
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    with torch.no_grad():
        network.weight.add_(1)
    whole.update(network)
    second.update(network)
    assert second.updates == 2
    assert torch.equal(second.module.weight, whole.module.weight)


def test_average_of_a_network_that_has_changed_is_an_error():
    network = nn.Linear(2, 2)
    average = ExponentialMovingAverage(network)
    with pytest.raises(ValueError, match="begin a new one"):
        average.update(nn.Linear(2, 3))
    assert average.updates == 0


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_decay_out_of_range_is_an_error(decay):
    with pytest.raises(ValueError, match=r"decay is in \[0, 1\)"):
        ExponentialMovingAverage(nn.Linear(1, 1), decay)


def test_average_is_saved_like_the_network(tmp_path):
    network = get_model("shufflenet_v2_x0_5_digits", weights="DEFAULT")
    average = ExponentialMovingAverage(network)
    assert origin_of(average.module) == origin_of(network)
    save_model(average.module, tmp_path / "average", preset=ImageClassification(crop_size=64))
    assert (tmp_path / "average" / "model.safetensors").exists()


def test_states_are_averaged_in_their_dtype_and_integers_are_of_the_last():
    states = [{"x": torch.tensor([value], dtype=torch.float16), "n": torch.tensor(value)} for value in (1, 2, 6)]
    averaged = average_states(iter(states))
    assert averaged["x"].item() == 3.0
    assert averaged["x"].dtype is torch.float16
    assert averaged["n"].item() == 6


def test_averaged_checkpoints_fit_their_network():
    networks = [resnet18(num_classes=2) for _ in range(2)]
    averaged = average_states(network.state_dict() for network in networks)
    networks[0].load_state_dict(averaged)
    assert torch.allclose(networks[0].fc.weight, averaged["fc.weight"])


@pytest.mark.parametrize(("states", "message"), [
    ([], "no checkpoints"),
    ([{"x": torch.zeros(1)}, {"y": torch.zeros(1)}], "different tensors"),
    ([{"x": torch.zeros(1)}, {"x": torch.zeros(2)}], "x has different shapes"),
])  # fmt: skip
def test_states_that_cannot_be_averaged_are_an_error(states, message):
    with pytest.raises(ValueError, match=message):
        average_states(states)
