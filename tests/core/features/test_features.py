"""Intermediate activations: those that the model itself computes, and nothing behind them."""

import copy
import pickle
import random

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from zoo_core.building import load_checkpoint
from zoo_core.errors import CheckpointError
from zoo_core.features import extract_features, list_features

from .compiled_code import Between

IMAGES = torch.arange(2 * 3 * 4 * 4).reshape(2, 3, 4, 4) / 96


class Block(nn.Module):
    """Changes what its first layers return, in place."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.norm(self.conv(x))
        kept = y
        y += x
        return self.relu(y) + kept


class Many(nn.Linear):
    """Returns more than a tensor."""

    def __init__(self):
        super().__init__(4, 4)

    def forward(self, x):
        return super().forward(x), x


class Network(nn.Module):
    """Followed symbolically; with `undecided` it cannot be."""

    classifiers = ("fc",)

    def __init__(self, num_classes=5, undecided=False):
        super().__init__()
        self.undecided = undecided
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.register_buffer("shift", torch.tensor(0.5), persistent=False)
        self.stem = nn.Conv2d(3, 4, 1)
        self.stages = nn.Sequential(Block(4), nn.Sequential(Block(4), Block(4)))
        self.auxiliary = nn.Conv2d(4, 2, 1)
        self.unused = nn.Linear(1, 1)
        self.many = Many()
        self.fc = nn.Linear(4, num_classes)

    def forward(self, images):
        if self.undecided and images.shape[0] > 10:
            images = images[:10]
        x = self.stages(self.stem(images) * self.scale + self.shift)
        extra = self.auxiliary(x) if self.training else None
        x, _ = self.many(F.dropout(x, 0.5, self.training).mean((2, 3)))
        return self.fc(x), extra


@pytest.fixture(params=[False, True], ids=["followed", "undecided"])
def undecided(request):
    return request.param


@pytest.fixture
def network(undecided):
    torch.manual_seed(0)
    return Network(undecided=undecided).eval()


def hooked(model, names, *inputs):
    """Return what forward hooks of the model itself see first."""
    seen = {}

    def note(name, output):
        if name not in seen:
            seen[name] = output.clone()

    modules = {name: model.get_submodule(name) for name in names}
    handles = [
        module.register_forward_hook(lambda _module, _inputs, output, name=name: note(name, output))
        for name, module in modules.items()
    ]
    model(*inputs)
    for handle in handles:
        handle.remove()
    return {name: seen[name] for name in names}


def assert_same(features, expected):
    assert list(features) == list(expected)
    torch.testing.assert_close(dict(features), dict(expected), rtol=0, atol=0)


NAMES = ["stages.1.0.norm", "stem", "stages.0", "stages.1.0", "stages.1.1.conv"]


def test_features_are_what_the_model_computes_before_operations_in_place(network):
    extractor = extract_features(network, NAMES)
    assert_same(extractor(IMAGES), hooked(network, NAMES, IMAGES))


def test_mapping_renames(network):
    features = extract_features(network, {"stages.0": "fine", "stem": "first"})(IMAGES)
    assert list(features) == ["fine", "first"]


@pytest.mark.parametrize("name", ["stages", "stages.1", "stages.1.1", "stages.1.1.relu"])
def test_modules_that_contain_others_can_be_asked_for(network, name):
    assert_same(extract_features(network, [name])(IMAGES), hooked(network, [name], IMAGES))


def test_nothing_behind_the_last_feature_runs(network):
    extractor = extract_features(network, ["stem", "stages.1.0.conv"])

    def refuse(*_):
        raise AssertionError("computed")

    for name in ("stages.1.0.norm", "stages.1.1.conv", "fc"):
        network.get_submodule(name).forward = refuse
    assert len(extractor(IMAGES)) == 2


def test_what_no_feature_needs_does_not_run_either():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.left(x) + self.right(x)

    assert list(extract_features(Branches(), ["right"]).state_dict()) == ["right.weight", "right.bias"]


def test_change_in_place_of_what_nobody_returns_is_kept():
    class Pad(nn.Module):
        def __init__(self):
            super().__init__()
            self.act, self.last = nn.ReLU(inplace=True), nn.Identity()

        def forward(self, x):
            x = x * 1
            self.act(x)
            x[:, 0] = 7
            x.mul_(2)
            return self.last(x)

    x = torch.tensor([[1.0, -1.0]])
    assert_same(extract_features(Pad(), ["last"])(x), {"last": torch.tensor([[14.0, 0.0]])})


def test_model_is_left_as_it_was_and_shares_its_parameters(network):
    network.train()
    network.stages[0].eval()
    state = copy.deepcopy(network.state_dict())
    modes = [module.training for module in network.modules()]
    everything = vars(network).copy()
    generator = torch.get_rng_state()
    extractor = extract_features(network, ["stages"])
    list_features(network, IMAGES.shape)
    assert [module.training for module in network.modules()] == modes
    assert torch.equal(torch.get_rng_state(), generator)
    assert vars(network) == everything
    torch.testing.assert_close(dict(network.state_dict()), dict(state), rtol=0, atol=0)
    assert not any(module._forward_hooks for module in network.modules())
    own = dict(network.named_parameters())
    assert all(parameter is own[name] for name, parameter in extractor.named_parameters())


def test_parameters_that_are_not_needed_are_left_out_in_the_order_of_the_model():
    names = list(extract_features(Network(), ["stages.0"]).state_dict())
    assert names[:3] == ["scale", "stem.weight", "stem.bias"]
    assert {name.split(".")[0] for name in names} == {"scale", "stem", "stages"}
    assert not any(name.startswith("stages.1") for name in names)


def test_training_and_evaluation_differ_as_in_the_model(network):
    extractor = extract_features(network.train(), ["stages.0.norm", "stages"])
    assert extractor.training
    for mode in (True, False):
        expected = hooked(copy.deepcopy(network).train(mode), ["stages.0.norm", "stages"], IMAGES)
        assert_same(extractor.train(mode)(IMAGES), expected)


def test_modules_of_one_mode_alone_are_an_error_in_the_other(network):
    extractor = extract_features(network, ["auxiliary"])
    with pytest.raises(RuntimeError, match="auxiliary"):
        extractor(IMAGES)
    assert extractor.train()(IMAGES)["auxiliary"].shape == (2, 2, 4, 4)


def test_only_the_first_call_of_a_module_counts(undecided):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.behind = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            if undecided and x.shape[0] == 0:
                return x
            return self.layer(self.behind(self.layer(x)))

    network = Twice()
    assert_same(extract_features(network, ["layer"])(torch.ones(1, 2)), {"layer": network.layer(torch.ones(1, 2))})


@pytest.mark.parametrize("name", ["one", "two", "two.1"])
def test_module_with_two_names_can_be_asked_for_by_both(name):
    shared = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    network = nn.Sequential()
    network.add_module("one", shared)
    network.add_module("two", shared)
    extractor = extract_features(network, [name])
    assert_same(extractor(torch.ones(1, 2)), {name: shared(torch.ones(1, 2))})
    extractor.load_state_dict(network.state_dict())


def test_checkpoint_of_the_whole_model_loads_strictly(undecided):
    other = Network().state_dict()
    network = Network(undecided=undecided).eval()
    extractor = extract_features(network, ["stages.0"])
    extractor.load_state_dict(other)
    assert torch.equal(network.stem.weight, other["stem.weight"])
    extractor.load_state_dict(
        {"scale": torch.tensor(3.0)} | {k: v for k, v in other.items() if k != "scale"}, assign=True
    )
    assert torch.equal(extractor(IMAGES)["stages.0"], network.stages[0](network.stem(IMAGES) * 3 + 0.5))


def test_checkpoint_loads_as_part_of_another_model():
    class Detector(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = extract_features(Network(), ["stages.0"])

    Detector().load_state_dict({f"body.{name}": tensor for name, tensor in Network().state_dict().items()})


@pytest.mark.parametrize(("change", "message"), [
    (lambda state: state.pop("stem.weight"), r"Missing.*stem\.weight"),
    (lambda state: state.update(head=torch.ones(1)), "Unexpected.*head"),
    (lambda state: state.update({"fc.more": torch.ones(1)}), r"Unexpected.*fc\.more"),
])  # fmt: skip
def test_anything_else_missing_or_unexpected_is_an_error(change, message):
    state = Network().state_dict()
    change(state)
    with pytest.raises(RuntimeError, match=rf"(?s){message}"):
        extract_features(Network(), ["stages.0"]).load_state_dict(state)


def test_load_checkpoint_makes_the_extractor_that_of_the_loaded_model(undecided):
    other = Network().eval()
    extractor = extract_features(Network(undecided=undecided).eval(), ["stages.0"])
    load_checkpoint(extractor, copy.deepcopy(other.state_dict()), source="test")
    assert_same(extractor(IMAGES), hooked(other, ["stages.0"], IMAGES))


def test_load_checkpoint_keeps_a_classifier_for_another_number_of_classes(network, caplog):
    extractor = extract_features(network, ["stages", "fc"])
    load_checkpoint(extractor, Network(num_classes=7).state_dict(), source="test")
    assert "test: fc.bias, fc.weight kept as initialised" in caplog.text
    assert extractor(IMAGES)["fc"].shape == (2, 5)


def test_load_checkpoint_refuses_what_belongs_nowhere(network):
    with pytest.raises(CheckpointError, match="unexpected surprise"):
        load_checkpoint(
            extract_features(network, ["stem"]), {**Network().state_dict(), "surprise": torch.ones(1)}, source="test"
        )


@pytest.mark.parametrize(("names", "error", "message"), [
    (["stags"], ValueError, "Network has no module 'stags'. Did you mean stages"),
    (["stages.1.0.convs"], ValueError, r"Did you mean .*stages\.1\.0\.conv"),
    ([""], ValueError, "has no module ''"),
    ([], ValueError, "at least one name"),
    (["stem", "fc", "stem"], ValueError, "more than once: stem"),
    ({"stem": "a", "fc": "a"}, ValueError, "more than once: a"),
    ("stem", TypeError, r"write \['stem'\]"),
    ([1], TypeError, "should be strings, found 1"),
    ({"stem": 1}, TypeError, "should be strings, found 1"),
])  # fmt: skip
def test_names_that_cannot_be_meant_are_refused(network, names, error, message):
    with pytest.raises(error, match=message):
        extract_features(network, names)


def test_modules_that_are_never_called_are_refused_at_once_where_that_can_be_seen():
    with pytest.raises(ValueError, match="Network never calls unused: list_features"):
        extract_features(Network(), ["stem", "unused"])
    with pytest.raises(RuntimeError, match="Network has not called unused: list_features"):
        extract_features(Network(undecided=True), ["stem", "unused"])(IMAGES)


def test_outputs_that_are_no_tensors_are_refused(network):
    with pytest.raises(TypeError, match="feature 'many' should be a tensor, found tuple"):
        extract_features(network, ["many"])(IMAGES)
    with pytest.raises(ValueError, match=r"the output of 0 should be a tensor .*, found tuple"):
        extract_features(nn.Sequential(Network()), ["0.stem", "0"])


@pytest.mark.parametrize("again", [copy.deepcopy, lambda extractor: pickle.loads(pickle.dumps(extractor))])
def test_extractor_is_copied_whole(network, again):
    extractor = extract_features(network, ["stages.0", "stages.1"])
    twin = again(extractor)
    expected = extractor(IMAGES)
    with torch.no_grad():
        network.scale.zero_()
    assert_same(twin(IMAGES), expected)
    twin.load_state_dict(network.state_dict())
    assert_same(twin(IMAGES), extractor(IMAGES))
    assert twin.train()(IMAGES).keys() == expected.keys()


def test_extractor_moves_to_another_dtype_with_all_that_it_uses(network):
    extractor = extract_features(network, ["stages.0"]).double()
    assert extractor(IMAGES.double())["stages.0"].dtype == torch.float64


def test_features_have_gradients(network):
    extract_features(network, ["stem", "stages.0"])(IMAGES)["stages.0"].sum().backward()
    assert network.stem.weight.grad is not None
    assert network.stages[1][0].conv.weight.grad is None


def without_gradient(x):
    with torch.no_grad():
        return x * 2


def caught(x):
    try:
        return x + 1 if x.shape[0] > 1 else x
    except Exception:  # noqa: BLE001 # as people write it
        return x * 3


SPECIAL = {
    "gradient": without_gradient,
    "random": lambda x: x * random.random(),
    "noise": lambda x: x + torch.rand(2),
    "constant": lambda x: x + torch.arange(2),
    "kind": lambda x: x + 1 if isinstance(x, torch.Tensor) else x,
    "size": lambda x: x + 1 if len(x) > 1 else x,
    "caught": caught,
}


@pytest.mark.parametrize("between", SPECIAL.values(), ids=SPECIAL)
def test_python_that_a_graph_cannot_hold_is_done_all_the_same(between):
    network = Between(between)
    extractor = extract_features(network, ["last"])
    for seed in (0, 1):
        results = []
        for forward in (network, lambda x: extractor(x)["last"]):
            torch.manual_seed(seed)
            random.seed(seed)
            results.append(forward(torch.ones(2, 2)))
        assert torch.equal(*results)
        network.zero_grad()
        results[1].sum().backward()
        assert (network.first.weight.grad is None) == (between is without_gradient)


def test_hooks_that_save_tensors_for_the_gradient_are_used():
    saved = []

    def save(tensor):
        saved.append(tensor)
        return tensor

    def through_hooks(x):
        with torch.autograd.graph.saved_tensors_hooks(save, lambda tensor: tensor):
            return x.sin()

    extractor = extract_features(Between(through_hooks), ["last"])
    assert not saved
    extractor(torch.ones(2, 2))
    assert saved


def test_hooks_of_the_model_are_respected():
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    network.register_forward_pre_hook(lambda _module, inputs: (inputs[0] * 2,))
    expected = {"0": network[0](2 * torch.ones(1, 2))}
    assert_same(extract_features(network, ["0"])(torch.ones(1, 2)), expected)


def test_several_inputs_and_keywords_are_passed_on(undecided):
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, a, b, factor=2.0):
            if undecided and len(a) > 9:
                return a
            return self.layer(a + b * factor)

    network, a, b = Pair(), torch.ones(1, 2), torch.ones(1, 2)
    extractor = extract_features(network, {"layer": "x"})
    assert_same(extractor(a, b), {"x": network(a, b)})
    assert_same(extractor(a, b=b, factor=3.0), {"x": network(a, b, 3.0)})
    assert_same(extractor(b=b, a=a), {"x": network(a, b)})
    assert list_features(network, ((5, 2), (5, 2))) == {"layer": (5, 2)}


@pytest.mark.parametrize("default", [None, False])
def test_input_that_may_be_left_out_is_left_out(default):
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x, mask=default):
            return self.layer(x if mask is default else x * mask)

    network, x = Masked(), torch.ones(1, 2)
    extractor = extract_features(network, ["layer"])
    assert_same(extractor(x), {"layer": network(x)})
    assert_same(extractor(x, mask=torch.zeros(2)), {"layer": network(x, torch.zeros(2))})


def test_compiled_and_exported_extractors_agree(network):
    extractor = extract_features(network, NAMES)
    expected = extractor(IMAGES)
    compiled = torch.compile(extractor, backend="eager", fullgraph=True)(IMAGES)
    exported = torch.export.export(extractor, (IMAGES,), strict=False).module()(IMAGES)
    assert_same(compiled, expected)
    assert_same(exported, expected)


def test_exported_extractor_takes_other_batches():
    extractor = extract_features(Network().eval(), ["stages.1.0"])
    program = torch.export.export(extractor, (IMAGES,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    assert len(program.module()(IMAGES.repeat(2, 1, 1, 1))["stages.1.0"]) == 4


def test_list_has_the_modules_that_are_called_in_their_order_with_shapes(network):
    listed = list_features(network, IMAGES.shape)
    assert list(listed)[:6] == [
        "stem",
        "stages.0.conv",
        "stages.0.norm",
        "stages.0.relu",
        "stages.0",
        "stages.1.0.conv",
    ]
    assert listed["stages.1"] == (2, 4, 4, 4)
    assert listed["fc"] == (2, 5)
    assert not {"many", "unused", "auxiliary"} & listed.keys()


def test_everything_listed_can_be_asked_for(network):
    listed = list_features(network, IMAGES.shape)
    features = extract_features(network, list(listed))(IMAGES)
    assert {name: tuple(feature.shape) for name, feature in features.items()} == listed


def test_list_computes_nothing(network):
    assert list_features(network, (9, 3, 300_000, 300_000))["stem"] == (9, 4, 300_000, 300_000)


def test_list_works_on_tensors_that_are_not_registered():
    table = torch.ones(2)
    network = nn.Sequential(Between(lambda x: x + table))
    assert list_features(network, (3, 2)) == {"0.first": (3, 2), "0.last": (3, 2), "0": (3, 2)}


def test_list_of_what_the_model_refuses_is_its_own_error_and_leaves_no_hooks():
    network = Checked()
    with pytest.raises(ValueError, match="at least 8 pixels, found 5"):
        list_features(network, (1, 3, 9, 5))
    assert network.training
    assert not network.conv._forward_hooks


class Checked(nn.Module):
    """Checks its input in the ways that people write."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.behind = nn.Identity()

    def forward(self, x):
        height, width = x.shape[-2:]
        assert height <= 64, "too high"
        if height < 8 or width < 8:
            raise ValueError(f"there should be at least 8 pixels, found {min_of(height, width)}")
        self.check(width)
        y = self.conv(x)
        if width < 9:
            y = y + 1
        return self.behind(y)

    def check(self, width):
        if width % 2 == 1:
            raise TypeError(f"width {width} should be even")


def min_of(height, width):
    return min(height, width)


def test_checks_are_followed_and_still_made():
    network = Checked().eval()
    extractor = extract_features(network, ["conv"])
    assert "behind" not in dict(extractor.named_children())
    images = torch.rand(1, 3, 16, 12)
    assert_same(extractor(images), {"conv": network.conv(images)})
    with pytest.raises(TypeError, match="width 13 should be even"):
        extractor(torch.rand(1, 3, 16, 13))
    with pytest.raises(AssertionError, match="too high"):
        extractor(torch.rand(1, 3, 65, 12))
    with pytest.raises(ValueError, match=r"the input is refused at .*test_features"):
        extractor(torch.rand(1, 3, 16, 6))


def test_choice_between_two_ways_is_made_for_each_input():
    network = Checked().eval()
    extractor = extract_features(network, ["behind"])
    for width in (8, 10):
        images = torch.rand(1, 3, 16, width)
        assert_same(extractor(images), {"behind": network(images)})


def test_checked_extractor_is_exported_with_its_checks_for_other_sizes():
    images = torch.rand(1, 3, 16, 12)
    dynamic = ({3: 2 * torch.export.Dim("half", min=4, max=99)},)
    program = torch.export.export(extract_features(Checked().eval(), ["conv"]), (images,), dynamic_shapes=dynamic)
    assert program.module()(torch.rand(1, 3, 16, 24))["conv"].shape == (1, 4, 16, 24)
