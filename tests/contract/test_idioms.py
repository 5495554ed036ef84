"""Every classification network has timm's idioms, with timm's meaning, as timm 1.0.31 behaves.

There, too, `forward_head(forward_features(x))` is `forward(x)`, `forward_head(…, pre_logits=True)` is what the network
gives after `reset_classifier(0)`, and `get_classifier` then returns an `nn.Identity`; `num_features` are the channels
of the features, `head_hidden_size` is the width before the classifier. On the meta device only shapes are computed.
"""

import inspect

import pytest
import torch
from torch import nn

from marks import SCRIPTING
from reference.families import float_modules, one_of_each
from zoo_core import get_model, get_model_builder, list_models, save_model
from zoo_core.building import ClassificationNetwork, adapt_channels, without_files
from zoo_core.layers import StochasticDepth
from zoo_core.transforms import ImageClassification

IMAGES = list_models("zoo_classification")
CLIPS = list_models("zoo_video")
QUANTIZABLE = list_models("zoo_classification.quantization")
OF_EACH = one_of_each("zoo_classification")
LARGE = ("vit", "maxvit", "inception")
SIZES = {"s3d": (13, 209, 209), "mvit": (16, 224, 224), "swin3d": (4, 64, 64)}


def inputs(name, channels=3):
    if name in CLIPS:
        size = next((size for prefix, size in SIZES.items() if name.startswith(prefix)), (4, 32, 32))
    else:
        side = {"vit_h_14": 224}.get(name, 224 if name.startswith(LARGE) else 96)
        size = (side, side)
    return torch.rand(2, channels, *size)


def on_meta(name, **arguments):
    with torch.device("meta"):
        return get_model(name, weights=None, **arguments).eval()


def test_all_classification_models_are_here():
    assert (len(IMAGES), len(QUANTIZABLE), len(CLIPS)) == (80, 12, 9)
    assert {*IMAGES, *QUANTIZABLE, *CLIPS} <= set(list_models())


@pytest.mark.parametrize("name", [*IMAGES, *QUANTIZABLE, *CLIPS])
def test_network_states_where_its_features_end_and_its_classifier_is_replaced(name):
    network = on_meta(name)
    assert isinstance(network, ClassificationNetwork)
    features = network.forward_features(inputs(name).to("meta"))
    hidden, classifier = network.head_hidden_size, type(network.get_classifier())
    assert network.num_features == features.shape[-1 if features.ndim == 3 or "swin" in name else 1]
    assert network.forward_head(features, pre_logits=True).shape == (2, hidden)
    assert network.forward_head(features).shape == (2, network.num_classes)
    network.reset_classifier(0)
    assert isinstance(network.get_classifier(), nn.Identity)
    assert (network.num_classes, network.head_hidden_size) == (0, hidden)
    assert network.forward_head(features).shape == (2, hidden)
    network.reset_classifier(7)
    assert type(network.get_classifier()) is classifier
    assert (network.num_classes, network.head_hidden_size) == (7, hidden)
    assert network.forward_head(features).shape == (2, 7)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in OF_EACH else pytest.mark.slow) for name in IMAGES]
)
def test_head_of_features_is_what_the_network_gives_bit_by_bit(name):
    torch.manual_seed(0)
    with without_files():
        network = get_model(name, weights=None).eval()
    images = inputs(name)[:1]
    with torch.inference_mode():
        expected = network(images)
        features = network.forward_features(images)
        assert torch.equal(network.forward_head(features), expected)
        pooled = network.forward_head(network.forward_features(images), pre_logits=True)
        network.reset_classifier(0)
        assert torch.equal(network(images), pooled)


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_auxiliary_classifiers_are_reset_too(name):
    network = get_model(name, weights=None, init_weights=False, aux_logits=True)
    network.reset_classifier(5)
    outputs = network(torch.rand(2, 3, 299, 299))
    assert {tuple(scores.shape) for scores in outputs} == {(2, 5)}


@pytest.mark.parametrize("name", ["googlenet", "inception_v3", "resnet18", "mobilenet_v3_large"])
def test_quantizable_network_gives_the_same_in_two_steps(name):
    network = get_model(f"quantized_{name}", weights=None).eval()
    images = torch.rand(1, 3, 96, 96)
    with torch.inference_mode():
        assert torch.equal(network.forward_head(network.forward_features(images)), network(images))


@pytest.mark.filterwarnings("ignore:.*[Qq]uantiz.*")
def test_int8_network_gives_the_same_in_two_steps_and_keeps_its_classifier():
    network = get_model("quantized_shufflenet_v2_x0_5", weights=None, quantize=True)
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(network.forward_head(network.forward_features(images)), network(images))
    assert network.head_hidden_size == 1024
    with pytest.raises(ValueError, match="An int8 network is as its file is"):
        network.reset_classifier(3)
    with pytest.raises(ValueError, match="An int8 network is as its file is"):
        get_model("quantized_shufflenet_v2_x0_5", weights=None, quantize=True, in_chans=1)


@pytest.mark.parametrize("name", [*IMAGES, *QUANTIZABLE, *CLIPS])
def test_first_convolution_takes_images_of_any_channels_and_nothing_else_changes(name):
    usual = {key: value.shape for key, value in on_meta(name).state_dict().items()}
    for channels in (1, 3, 4, 6):
        found = {key: value.shape for key, value in on_meta(name, in_chans=channels).state_dict().items()}
        changed = {key: shape for key, shape in found.items() if shape != usual[key]}
        assert found.keys() == usual.keys()
        assert [shape[1] for shape in changed.values()] == ([] if channels == 3 else [channels])


@pytest.mark.parametrize("name", [*OF_EACH, "r3d_18", "s3d", "mvit_v2_s", "swin3d_t"])
@pytest.mark.parametrize("channels", [1, 3, 4, 6])
def test_network_takes_images_of_any_channels(name, channels):
    network = on_meta(name, in_chans=channels)
    assert network(inputs(name, channels).to("meta")).shape == (2, network.num_classes)


@pytest.mark.parametrize(
    ("channels", "expected"),
    [(1, [6.0]), (2, [1.5, 3.0]), (3, [1.0, 2.0, 3.0]), (4, [0.75, 1.5, 2.25, 0.75]), (6, [0.5, 1.0, 1.5] * 2)],
)
def test_weights_are_summed_or_repeated_as_timm_does(channels, expected):
    """The values are what `timm.models.adapt_input_conv` gives."""
    weight = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
    assert adapt_channels(weight, channels).flatten().tolist() == expected


@pytest.mark.parametrize("channels", [1, 4, 6])
def test_weights_of_a_file_are_adapted(channels):
    coloured = get_model("shufflenet_v2_x0_5_digits", weights="DEFAULT")
    adapted = get_model("shufflenet_v2_x0_5_digits", weights="DEFAULT", in_chans=channels)
    expected = coloured.state_dict()
    expected["conv1.0.weight"] = adapt_channels(expected["conv1.0.weight"], channels)
    found = adapted.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_grey_images_give_what_three_equal_channels_gave():
    coloured = get_model("shufflenet_v2_x0_5_digits", weights="DEFAULT").eval()
    grey = get_model("shufflenet_v2_x0_5_digits", weights="DEFAULT", in_chans=1).eval()
    images = torch.rand(2, 1, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(grey(images), coloured(images.expand(2, 3, 64, 64)))


@pytest.mark.parametrize("channels", [1, 12])
def test_fresh_first_convolution_keeps_the_variance_of_its_output(channels):
    torch.manual_seed(0)
    weight = get_model("vgg11", weights=None, in_chans=channels).features[0].weight
    usual = get_model("vgg11", weights=None).features[0].weight
    assert weight.var().item() * channels == pytest.approx(usual.var().item() * 3, rel=0.2)


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_colours_are_not_transformed_of_images_without_colours(name):
    with without_files():
        with pytest.raises(ValueError, match="give transform_input=False"):
            get_model(name, weights="DEFAULT", in_chans=1)
        network = get_model(name, weights="DEFAULT", in_chans=1, transform_input=False, init_weights=False).eval()
    assert network(torch.rand(1, 1, 96, 96)).shape == (1, 1000)


@pytest.mark.parametrize("channels", [0, -1, 1.0, "3", True])
def test_channels_that_cannot_be_are_an_error_before_anything_is_built(channels):
    with pytest.raises(ValueError, match="in_chans should be a positive integer"):
        get_model("resnet18", weights=None, in_chans=channels)


RATES = {
    "drop_rate": (
        "alexnet", "densenet", "efficientnet", "googlenet", "inception", "mnasnet", "mobilenet", "mvit", "s3d",
        "squeezenet", "swin", "vgg", "vit",
    ),
    "drop_path_rate": ("convnext", "efficientnet", "maxvit", "mvit", "swin"),
}  # fmt: skip
"""Which networks have dropout, and which stochastic depth, by the beginnings of their names."""


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", [*OF_EACH, *CLIPS])
def test_rates_are_passed_on_where_the_network_has_them_and_refused_elsewhere(name, rate):
    if name.startswith(RATES[rate]):
        network = on_meta(name, **{rate: 0.125})
        rates = [getattr(module, "p", getattr(module, "drop_rate", 0.0)) for module in network.modules()]
        if rate == "drop_rate":
            assert 0.125 in rates
        else:  # which rises from block to block; EfficientNet's ends below it
            assert (
                0.1
                < max(
                    value
                    for value, module in zip(rates, network.modules(), strict=True)
                    if isinstance(module, StochasticDepth)
                )
                <= 0.125
            )
    else:
        with pytest.raises(TypeError, match=rf"{name}\(\) takes no {rate}=: the network has no "):
            on_meta(name, **{rate: 0.125})


def test_a_rate_under_both_names_is_an_error():
    with pytest.raises(TypeError, match="got drop_rate= and dropout=, which are the same"):
        get_model("vgg11", weights=None, drop_rate=0.1, dropout=0.1)


@pytest.mark.parametrize("name", [*IMAGES, *CLIPS])
def test_signature_says_which_idioms_a_builder_takes(name):
    parameters = inspect.signature(get_model_builder(name)).parameters
    assert parameters["in_chans"].default == 3
    assert ("drop_path_rate" in parameters) == name.startswith(RATES["drop_path_rate"])
    own = {"drop_rate"} if name.startswith("densenet") else set()  # which DenseNet itself calls so
    assert ("drop_rate" in parameters.keys() | own) == name.startswith(RATES["drop_rate"])


@pytest.mark.parametrize("name", [name for module in float_modules() for name in one_of_each(module)])
def test_other_builders_take_no_idioms(name):
    if name not in {*IMAGES, *CLIPS} and not name.endswith("_digits"):
        assert "in_chans" not in inspect.signature(get_model_builder(name)).parameters


PRESET = ImageClassification(crop_size=64, resize_size=64, mean=(0.5,), std=(0.5,))


@pytest.mark.parametrize("classes", [0, 4])
def test_what_idioms_have_made_is_saved_and_built_again(tmp_path, classes):
    model = get_model("shufflenet_v2_x0_5_digits", weights="DEFAULT", in_chans=1)
    model.reset_classifier(classes)
    save_model(model, tmp_path / "grey", categories=["a", "b", "c", "d"][:classes] or None, preset=PRESET)
    again = get_model(f"local-dir:{tmp_path / 'grey'}", weights="DEFAULT")
    expected, found = model.state_dict(), again.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert again.num_classes == classes


def test_no_classes_leave_the_classifier_of_the_weights_out():
    whole = get_model("shufflenet_v2_x0_5_digits", weights="DEFAULT").eval()
    headless = get_model("shufflenet_v2_x0_5_digits", weights="DEFAULT", num_classes=0).eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(headless(images), whole.forward_head(whole.forward_features(images), pre_logits=True))


def test_networks_of_other_tasks_have_classes():
    with pytest.raises(ValueError, match="num_classes"):
        get_model("lraspp_mobilenet_v3_large", weights=None, weights_backbone=None, num_classes=0)


@SCRIPTING
@pytest.mark.parametrize("classes", [0, 3])
def test_network_with_another_classifier_is_scripted(classes):
    network = get_model("squeezenet1_1", weights=None).eval()
    network.reset_classifier(classes)
    images = torch.rand(1, 3, 64, 64)
    assert torch.equal(torch.jit.script(network)(images), network(images))


def test_new_classifier_is_where_the_network_is_and_as_it_is():
    network = get_model("mnasnet0_5", weights=None).double().eval()
    network.reset_classifier(3)
    classifier = network.get_classifier()
    assert classifier.weight.dtype is torch.float64
    assert not classifier.training
    with pytest.raises(ValueError, match="num_classes should be 0 or more, found -1"):
        network.reset_classifier(-1)


@pytest.mark.parametrize(("name", "shape"), [
    ("resnet18", (512, 3, 3)), ("vgg11", (512, 3, 3)), ("mobilenet_v3_small", (576, 3, 3)), ("swin_t", (3, 3, 768)),
    ("convnext_tiny", (768, 3, 3)), ("vit_b_16", (197, 768)), ("maxvit_t", (512, 7, 7)),
    ("r3d_18", (512, 1, 2, 2)), ("mvit_v2_s", (393, 768)), ("swin3d_t", (2, 2, 2, 768)),
])  # fmt: skip
def test_features_have_the_form_that_the_page_states(name, shape):
    assert on_meta(name).forward_features(inputs(name).to("meta")).shape[1:] == shape
