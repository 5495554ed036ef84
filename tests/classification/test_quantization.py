"""Int8 models: what they compute, where their state comes from, engines, fusing."""

import copy
import json
import pickle
import platform
import subprocess
import sys
import warnings

import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import Tensor, nn
from torch.ao import quantization as torch_quantization
from torch.ao.nn import intrinsic, quantized

import zoo_classification
from classification.int8_networks import assert_same_state, convert_after_training, random_state, synthetic
from marks import SCRIPTING
from reference.fill import image_batch
from reference.records import FOLDER, form, record_of
from zoo_classification import quantization
from zoo_classification.quantization._eager import prepare_for_training
from zoo_classification.quantization._kernels import engine_of_torch
from zoo_classification.quantization._layers import Conv2d, Linear
from zoo_core import get_model, get_model_weights, list_models
from zoo_core.building import without_files
from zoo_core.checkpoints import quiet_quantization, read_state_dict
from zoo_core.cli import main
from zoo_core.errors import CheckpointError
from zoo_core.prediction import load_predictor

MODELS = list_models("zoo_classification.quantization")
GOLDEN = json.loads((FOLDER / "quantized" / "outputs.json").read_text())
SMALL = "quantized_shufflenet_v2_x0_5"
OBSERVER = "activation_post_process"
TRAINED = "quantized_mobilenet_v3_large"
CONVERTED = [
    pytest.param(name, member, id=str(member), marks=[pytest.mark.slow] * ("resnext" in name))
    for name in MODELS
    for member in get_model_weights(name)
    if name != TRAINED
]
"""The entries whose files hold int8 networks; the one of `TRAINED` holds one that is prepared for training."""
BLOCKS = ["resnet18", "resnet50", "mobilenet_v2", "mobilenet_v3_large", "shufflenet_v2_x1_0", "googlenet"]


@pytest.fixture(autouse=True)
def _torch_keeps_its_engine():
    before = torch.backends.quantized.engine
    yield
    assert torch.backends.quantized.engine == before


@pytest.fixture
def engine():
    """A function that sets torch's engine for one test."""
    before = torch.backends.quantized.engine
    yield lambda name: setattr(torch.backends.quantized, "engine", name)
    torch.backends.quantized.engine = before


# What they compute.


@pytest.mark.parametrize("name", GOLDEN)
def test_int8_file_gives_the_recorded_output(name):
    record = GOLDEN[name]
    network = get_model(name, quantize=True, num_classes=record["num_classes"])
    network.load_state_dict(read_state_dict(FOLDER / "quantized" / record["file"]))
    with torch.inference_mode():
        scores = network(image_batch(tuple(record["input"]["image_batch"])))
    expected = record["output"]
    assert list(scores.shape) == expected["shape"]
    step = [layer.scale for layer in network.modules() if isinstance(layer, Linear)][-1]
    difference = scores.flatten()[expected["index"]] - torch.tensor(expected["value"])
    steps = 0 if platform.machine() == "x86_64" else 1
    assert difference.abs().max() < (steps + 1e-3) * step  # the record has seven digits


@pytest.mark.parametrize("name", BLOCKS)
def test_network_converted_by_its_user_has_the_state_and_the_output_of_ours(name, engine):
    images = image_batch((2, 3, 96, 96))
    engine("fbgemm")
    network = convert_after_training(synthetic(name), images)
    ours = getattr(quantization, name)(quantize=True, backend="fbgemm")
    ours.load_state_dict(network.state_dict())
    assert torch.equal(ours(images), network(images))
    network.load_state_dict(random_state(ours, largest=2))
    ours.load_state_dict(network.state_dict())
    assert torch.equal(ours(images), network(images))
    assert ours(images).std() > 0.05


@pytest.mark.parametrize("name", BLOCKS)
def test_fused_network_computes_the_same(name):
    network, images = synthetic(name), image_batch((2, 3, 96, 96))
    with torch.no_grad():
        before = network(images)
        network.fuse_model()
        torch.testing.assert_close(network(images), before, rtol=0, atol=1e-3 * before.std().item())
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize("name", BLOCKS)
def test_float_network_computes_what_the_plain_one_does(name):
    network, images = synthetic(name).eval(), image_batch((2, 3, 96, 96))
    extra = {"init_weights": False} if name == "googlenet" else {}
    plain = getattr(zoo_classification, name)(**extra).eval()
    plain.load_state_dict(network.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(network(images), plain(images))


@SCRIPTING
@pytest.mark.parametrize("name", [*BLOCKS, "inception_v3"])
def test_scripted_int8_network_agrees_also_from_a_file(tmp_path, name):
    network = getattr(quantization, name)(quantize=True, num_classes=10)
    network.load_state_dict(random_state(network))
    images = image_batch((1, 3, 96, 96))
    torch.jit.script(network).save(tmp_path / "scripted.pt")
    with quiet_quantization(), engine_of_torch(network.engine):  # torch packs what it loads
        scripted = torch.jit.load(tmp_path / "scripted.pt")
    scores = scripted(images)
    assert torch.equal(scores[0] if isinstance(scores, tuple) else scores, network(images))


@pytest.mark.parametrize("size", [(1, 1), (33, 65)])
def test_int8_network_scores_images_of_any_size(size):
    assert get_model("quantized_resnet18", quantize=True, num_classes=10)(torch.zeros(2, 3, *size)).shape == (2, 10)


def test_int8_network_without_a_file_has_weights_of_zero():
    network = get_model(SMALL, quantize=True, num_classes=10)
    assert torch.equal(network(torch.randn(2, 3, 64, 64)), torch.zeros(2, 10))


def test_depthwise_convolutions_of_other_than_a_multiple_of_8_channels_are_filled_up(engine):
    engine("fbgemm")
    network = quantization.shufflenet_v2_x1_0(quantize=True)
    depthwise = [layer for layer in network.modules() if isinstance(layer, Conv2d) and layer.groups > 1]
    assert {layer.groups: layer.packed().excess for layer in depthwise} == {24: 0, 58: 6, 116: 4, 232: 0}


@pytest.mark.parametrize("per_channel", [False, True])
def test_filled_depthwise_convolution_equals_a_plain_one(engine, per_channel):
    engine("fbgemm")
    torch.manual_seed(0)
    weight = torch.quantize_per_tensor(torch.randn(13, 1, 3, 3), 2**-6, 0, torch.qint8)
    if per_channel:
        scales = torch.linspace(1, 2, 13).double() / 64
        weight = torch.quantize_per_channel(
            torch.randn(13, 1, 3, 3), scales, torch.zeros(13, dtype=torch.int64), 0, torch.qint8
        )
    plain = quantized.Conv2d(13, 13, 3, stride=2, padding=1, groups=13)
    plain.set_weight_bias(weight, torch.randn(13, generator=torch.Generator().manual_seed(1)))
    plain.scale, plain.zero_point = 2**-4, 64
    form = nn.Conv2d(13, 13, 3, stride=2, padding=1, groups=13)
    ours = Conv2d(form, is_rectified=False, has_bias=True, engine="fbgemm")
    ours.load_state_dict(plain.state_dict())
    assert ours.packed().excess == 3
    images = torch.quantize_per_tensor(torch.rand(2, 13, 9, 8), 1 / 127, 0, torch.quint8)
    assert torch.equal(ours(images), plain(images))
    assert_same_state(ours.state_dict(), plain.state_dict())
    assert torch.equal(copy.deepcopy(ours)(images), plain(images))


# Where their state comes from.


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "older"])
@pytest.mark.parametrize(("name", "member"), CONVERTED)
def test_published_state_is_the_state_of_the_network(publish, name, member, as_zip):
    with without_files():
        state = random_state(get_model(name, weights=member, quantize=True))
    publish(member, state, as_zip=as_zip)
    network = get_model(name, weights=member, quantize=True)
    assert_same_state(network.state_dict(), state)
    assert not network.training
    assert next(network.parameters(), None) is None


@pytest.fixture(scope="module")
def prepared():
    """A network prepared for training, as the file of MobileNetV3 holds it."""
    network = prepare_for_training(synthetic("mobilenet_v3_large"))
    with torch.no_grad():
        network(image_batch((2, 3, 96, 96)))
    return network


def test_prepared_network_has_the_layout_of_the_published_file(prepared):
    layout = {name: form(value) for name, value in prepared.state_dict().items()}
    expected = record_of("checkpoints", TRAINED, "IMAGENET1K_QNNPACK_V1")["tensors"]
    # What torch has observed in another shape since: it takes both.
    assert {name: shape for name, shape in layout.items() if shape != expected.get(name)} == {}
    assert list(layout) == list(expected)


@pytest.mark.parametrize("early", [False, True], ids=["whole", "early"])
def test_prepared_state_is_loaded_and_converted(publish, prepared, early):
    state = copy.deepcopy(prepared.state_dict())
    if early:
        for name in [name for name in state if ".scale_activation." in name]:
            del state[name]
    publish(get_model_weights(TRAINED).DEFAULT, state)
    network = get_model(TRAINED, weights="DEFAULT", quantize=True)
    with quiet_quantization():
        expected = torch_quantization.convert(copy.deepcopy(prepared).eval(), inplace=True)
    assert_same_state(network.state_dict(), expected.state_dict())
    assert network.engine == "qnnpack"
    assert not network.training


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("features.0.0.bn.weight"), r"missing 'features\.0\.0\.bn\.weight'"),
        (lambda state: state.pop(f"quant.{OBSERVER}.{OBSERVER}.min_val"), "missing 'quant.*min_val'"),
        (lambda state: state.update({"features.99.weight": torch.ones(1)}), r"unexpected features\.99\.weight"),
        (
            lambda state: state.update({"classifier.3.weight": torch.ones(9, 1280)}),
            r"classifier\.3: expected \(1000, 1280\), found \(9, 1280\)",
        ),
        (lambda state: state.update({"features.0.0.bn.bias": torch.ones(3)}), "does not fit QuantizableMobileNetV3"),
    ],
    ids=["weight", "range", "another layer", "classes", "shape"],
)
def test_prepared_state_that_does_not_fit_is_refused(publish, prepared, change, message):
    state = dict(prepared.state_dict())
    change(state)
    publish(get_model_weights(TRAINED).DEFAULT, state)
    with pytest.raises(CheckpointError, match=message):
        get_model(TRAINED, weights="DEFAULT", quantize=True)


def test_int8_state_of_a_network_trained_so_is_loaded_too(publish):
    member = get_model_weights(TRAINED).DEFAULT
    state = random_state(get_model(TRAINED, quantize=True))
    publish(member, state)
    assert_same_state(get_model(TRAINED, weights=member, quantize=True).state_dict(), state)


@pytest.mark.parametrize("auxiliary", [False, True])
def test_auxiliary_classifiers_of_the_file_are_left_out_unless_asked_for(publish, auxiliary):
    name, member = "quantized_googlenet", get_model_weights("quantized_googlenet").DEFAULT
    state = random_state(get_model(name, quantize=True))
    assert {key: form(value) for key, value in state.items()} == record_of("checkpoints", name, member.name)["tensors"]
    publish(member, state)
    with pytest.warns(UserWarning, match="NOT pretrained") if auxiliary else quiet_quantization():
        network = get_model(name, weights=member, quantize=True, **({"aux_logits": True} if auxiliary else {}))
    kept = {key: value for key, value in state.items() if auxiliary or not key.startswith("aux")}
    assert network.state_dict().keys() == kept.keys()
    assert network.transform_input


@pytest.mark.parametrize("name", ["resnet18", "shufflenet_v2_x0_5", "googlenet"])
def test_float_network_takes_the_weights_of_the_float_entry(publish, name):
    member = get_model_weights(name).DEFAULT
    with without_files():
        state = getattr(zoo_classification, name)(weights=member).state_dict()
    publish(member, state)
    network = get_model(f"quantized_{name}", weights=member)
    assert_same_state(network.state_dict(), state)
    assert network.training


def test_unquantized_entry_is_a_member():
    member = quantization.ResNet50_QuantizedWeights.IMAGENET1K_FBGEMM_V2
    assert member.meta["unquantized"] is zoo_classification.ResNet50_Weights.IMAGENET1K_V2
    assert member.meta["backend"] == "fbgemm"
    assert member.meta["categories"] == member.meta["unquantized"].meta["categories"]


def test_names_of_weights_are_those_of_the_kind_that_is_built():
    with without_files():
        assert quantization.resnet18(weights="IMAGENET1K_V1").engine is None
        assert quantization.resnet18(weights="IMAGENET1K_FBGEMM_V1", quantize=True).engine is not None
        with pytest.raises(KeyError, match="ResNet18_Weights has no member 'IMAGENET1K_FBGEMM_V1'"):
            quantization.resnet18(weights="IMAGENET1K_FBGEMM_V1")


def test_weights_of_the_other_kind_are_a_type_error_that_names_the_argument():
    int8 = quantization.ResNet18_QuantizedWeights.DEFAULT
    message = "expected ResNet18_Weights but received ResNet18_QuantizedWeights, which is for quantize=True"
    with pytest.raises(TypeError, match=message):
        quantization.resnet18(weights=int8)
    with pytest.raises(TypeError, match="received ResNet18_Weights, which is for quantize=False"):
        quantization.resnet18(weights=int8.meta["unquantized"], quantize=True)


@pytest.mark.parametrize(
    ("quantize", "member"),
    [(False, "ResNet50_Weights.IMAGENET1K_V1"), (True, "ResNet50_QuantizedWeights.IMAGENET1K_FBGEMM_V1")],
)
def test_pretrained_stands_for_the_first_weights_of_the_kind(quantize, member):
    with (
        without_files(),
        pytest.warns(UserWarning, match="pretrained= is deprecated"),
        pytest.warns(UserWarning, match=f"weights={member},"),
    ):
        quantization.resnet50(pretrained=True, quantize=quantize)


def test_int8_network_for_other_classes_than_its_file_is_refused():
    with pytest.raises(ValueError, match="'num_classes' expected value 1000 but got 7 instead"):
        get_model(SMALL, weights="DEFAULT", quantize=True, num_classes=7)


def test_state_of_another_width_is_refused(publish):
    member = get_model_weights(SMALL).DEFAULT
    publish(member, random_state(get_model("quantized_shufflenet_v2_x1_0", quantize=True)))
    message = r"stage2.0.branch1.2: expected \(24, 24, 1, 1\), found \(58, 24, 1, 1\)"
    with pytest.raises(CheckpointError, match=message):
        get_model(SMALL, weights=member, quantize=True)


def test_state_that_lacks_a_layer_is_refused(publish):
    member = get_model_weights(SMALL).DEFAULT
    state = random_state(get_model(SMALL, quantize=True))
    del state["conv5.0.scale"]
    publish(member, state)
    with pytest.raises(CheckpointError, match=r"does not fit QuantizableShuffleNetV2: missing conv5\.0\.scale"):
        get_model(SMALL, weights=member, quantize=True)


def test_state_with_a_layer_too_many_is_refused(publish):
    member = get_model_weights(SMALL).DEFAULT
    state = random_state(get_model(SMALL, quantize=True))
    state["conv6.weight"] = torch.zeros(1)
    publish(member, state)
    with pytest.raises(CheckpointError, match=r"unexpected conv6\.weight"):
        get_model(SMALL, weights=member, quantize=True)


def test_building_int8_draws_no_random_numbers(publish, prepared):
    publish(get_model_weights(SMALL).DEFAULT, random_state(get_model(SMALL, quantize=True)))
    publish(get_model_weights(TRAINED).DEFAULT, prepared.state_dict())
    before = torch.random.get_rng_state()
    for name in (SMALL, TRAINED):
        get_model(name, quantize=True)
        get_model(name, weights="DEFAULT", quantize=True)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_nothing_warns_of_the_end_of_quantization():
    file = FOLDER / "quantized" / GOLDEN[SMALL]["file"]
    script = f"""
import torch, warnings
from pathlib import Path
from zoo_core.checkpoints import read_state_dict
from zoo_classification.quantization import mobilenet_v3_large, shufflenet_v2_x0_5
network = shufflenet_v2_x0_5(quantize=True, num_classes=100)
network.load_state_dict(read_state_dict(Path({str(file)!r})))
network(torch.zeros(1, 3, 64, 64))
mobilenet_v3_large().fuse_model()
"""
    options = ["-W", "error", "-W", "ignore:Failed to initialize NumPy:UserWarning"]
    done = subprocess.run([sys.executable, *options, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# Engines.


@pytest.mark.parametrize(
    ("here", "chosen"),
    [(["qnnpack", "onednn", "x86", "fbgemm"], "fbgemm"), (["onednn", "x86"], "x86"), (["qnnpack", "onednn"], "onednn")],
)
def test_engine_is_the_entrys_or_one_of_the_same_arithmetic(monkeypatch, here, chosen):
    monkeypatch.setattr("zoo_classification.quantization._kernels.engines_here", lambda: here)
    with without_files():
        assert get_model(SMALL, weights="DEFAULT", quantize=True).engine == chosen


def test_network_whose_engine_is_missing_computes_the_same_without(monkeypatch):
    network = get_model(SMALL, quantize=True, num_classes=100)
    network.load_state_dict(read_state_dict(FOLDER / "quantized" / GOLDEN[SMALL]["file"]))
    images = image_batch((1, 3, 64, 64))
    expected = network(images)
    monkeypatch.setattr("zoo_classification.quantization._kernels.engines_here", lambda: ["none"])
    assert torch.equal(network(images), expected)
    assert get_model(SMALL, quantize=True).engine == "fbgemm"


def test_engine_of_other_arithmetic_than_the_file_is_refused():
    with pytest.raises(ValueError, match="'backend' expected value fbgemm or x86 or onednn but got qnnpack"):
        get_model(SMALL, weights="DEFAULT", quantize=True, backend="qnnpack")


def test_unknown_engine_is_refused():
    with pytest.raises(ValueError, match="one of fbgemm, x86, onednn, qnnpack, found 'tensorrt'"):
        get_model(SMALL, quantize=True, backend="tensorrt")


@pytest.mark.parametrize("copied", [False, True], ids=["loaded", "copied"])
def test_weights_are_packed_for_the_networks_engine_whatever_torchs_is(engine, copied):
    engine("fbgemm")
    network = quantization.mobilenet_v2(quantize=True, num_classes=10)
    network.load_state_dict(random_state(network))
    if copied:
        network = copy.deepcopy(network)
    assert network.engine == "qnnpack"
    # A pickled packed weight does not tell, but its operator on another engine's network would not compute the same.
    packed = [layer.packed().packed for layer in network.modules() if isinstance(layer, Conv2d)]
    assert {type(weight).__name__ for weight in packed} == {"ScriptObject"}
    engine("qnnpack")
    twin = quantization.mobilenet_v2(quantize=True, num_classes=10)
    twin.load_state_dict(network.state_dict())
    images = image_batch((1, 3, 64, 64))
    assert torch.equal(network(images), twin(images))


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated:UserWarning")  # torch's own
@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v3_large", "shufflenet_v2_x0_5"])
@pytest.mark.parametrize("torchs", ["fbgemm", "qnnpack"])
def test_pickled_network_computes_the_same_whatever_torchs_engine_is(engine, name, torchs):
    network = getattr(quantization, name)(quantize=True, num_classes=10)
    network.load_state_dict(random_state(network))
    images = image_batch((1, 3, 64, 64))
    engine(torchs)
    expected = network(images)  # what has no weights computes as torch's engine does
    twin = pickle.loads(pickle.dumps(network))
    assert twin.engine == network.engine
    assert not twin.training
    assert torch.equal(twin(images), expected)
    assert torch.equal(copy.deepcopy(twin)(images), expected)
    assert_same_state(twin.state_dict(), network.state_dict())


# Fusing and training.


def test_bottleneck_is_fused_with_the_relus_that_follow_its_convolutions():
    block = quantization.resnet50().eval()
    block.fuse_model()
    first = block.layer1[0]
    assert [type(getattr(first, name)) for name in ("conv1", "conv2", "conv3")] == [
        intrinsic.ConvReLU2d,
        intrinsic.ConvReLU2d,
        nn.Conv2d,
    ]


def test_fusing_twice_changes_nothing():
    network = quantization.resnet18().eval()
    network.fuse_model()
    names = [name for name, _ in network.named_modules()]
    network.fuse_model()
    assert [name for name, _ in network.named_modules()] == names


@pytest.mark.parametrize(("training", "is_qat"), [(True, None), (True, True)])
def test_network_in_training_is_fused_with_its_batch_norms(training, is_qat):
    network = quantization.resnet18().train(training)
    network.fuse_model(is_qat)
    assert isinstance(network.conv1, intrinsic.ConvBnReLU2d)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_large", "googlenet"])
def test_network_prepared_for_training_learns_and_is_converted(name):
    torch.manual_seed(0)
    network = prepare_for_training(getattr(quantization, name)(num_classes=10))
    images = torch.randn(2, 3, 64, 64)
    scores = network(images)
    (scores if isinstance(scores, Tensor) else scores[0]).square().sum().backward()
    assert all(p.grad is not None for n, p in network.named_parameters() if not n.startswith("aux"))
    with quiet_quantization():
        int8 = torch_quantization.convert(network.eval(), inplace=False)
    assert int8(images).isfinite().all()


# Prediction.


def test_command_predicts_with_an_int8_model(publish, tmp_path):
    publish(get_model_weights(SMALL).DEFAULT, random_state(get_model(SMALL, quantize=True)))
    Image.new("RGB", (300, 260), "teal").save(tmp_path / "image.png")
    result = CliRunner().invoke(main, ["predict", str(tmp_path), "--model", SMALL, "--topk", "1", "--json"])
    assert result.exit_code == 0, result.output
    (prediction,) = json.loads(result.stdout)
    assert prediction["source"].endswith("image.png")


def test_predictor_of_an_int8_model_is_int8(publish):
    publish(get_model_weights(SMALL).DEFAULT, random_state(get_model(SMALL, quantize=True)))
    assert load_predictor(SMALL).model.engine is not None


def test_prediction_with_int8_elsewhere_than_on_a_cpu_is_refused():
    with pytest.raises(ValueError, match="runs on cpu only, found device 'cuda'"):
        load_predictor(SMALL, device="cuda")


@pytest.mark.parametrize("module", [zoo_classification, quantization])
@pytest.mark.parametrize("weights", [None, "DEFAULT"])
def test_warning_about_auxiliary_classifiers_points_at_the_call(module, weights):
    options = {"quantize": True} if module is quantization else {}
    with warnings.catch_warnings(record=True) as caught, without_files():
        warnings.simplefilter("always")
        module.googlenet(weights=weights, aux_logits=True, init_weights=False, **options)
    found = [warning.filename for warning in caught if "NOT pretrained" in str(warning.message)]
    assert found == ([__file__] if weights else [])
