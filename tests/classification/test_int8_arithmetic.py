"""Int8 models where torch has no int8 kernels: their arithmetic is that of the kernels, on ordinary tensors."""

import copy
import json
import os
import pickle
import platform
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from classification.int8_networks import (
    BETWEEN_LAYERS,
    assert_same_state,
    convert_after_training,
    random_state,
    synthetic,
)
from marks import SCRIPTING
from reference.fill import image_batch
from reference.records import FOLDER
from zoo_classification import quantization
from zoo_classification.quantization import QuantizedValues
from zoo_classification.quantization import _kernels as kernels
from zoo_classification.quantization._arithmetic import as_float32
from zoo_classification.quantization._eager import prepare_for_training
from zoo_classification.quantization._layers import Conv2d, Functional, Hardswish, Linear, Quantize
from zoo_classification.quantization._loading import make_empty
from zoo_core import Weights, get_model, get_model_weights, list_models
from zoo_core.checkpoints import quiet_quantization
from zoo_core.files import sha256_of

GOLDEN = json.loads((FOLDER / "quantized" / "outputs.json").read_text())
MODELS = list_models("zoo_classification.quantization")
FEW = ["quantized_resnet18", "quantized_mobilenet_v3_large", "quantized_shufflenet_v2_x0_5"]
MEMBERS = [(name, member) for name in MODELS for member in get_model_weights(name)]
SCALES = {"quantized_shufflenet_v2_x0_5": 0.0288, "quantized_mobilenet_v2": 0.0224}
"""Of the scores in the records."""
ON_X86 = platform.machine() in {"x86_64", "AMD64"}
STEPS = 0 if ON_X86 else 1
"""By how many steps the kernels of other processors may round otherwise."""


@pytest.fixture
def without_kernels(monkeypatch):
    """A function that takes torch's kernels away."""
    return lambda: monkeypatch.setattr("zoo_classification.quantization._kernels.has_quantized_tensors", lambda: False)


def to_values(tensor: Tensor) -> QuantizedValues:
    steps = tensor.int_repr().float() - tensor.q_zero_point()
    return QuantizedValues(steps, tensor.q_scale(), tensor.q_zero_point())


def assert_same(found: QuantizedValues, expected: Tensor) -> None:
    assert isinstance(found, QuantizedValues)
    assert (found.scale, found.zero_point) == (expected.q_scale(), expected.q_zero_point())
    difference = found.int_repr().int() - expected.int_repr().int()
    assert difference.abs().max() <= STEPS


def activation(shape: tuple[int, ...], scale: float, zero_point: int, seed: int = 0, spread: float = 60) -> Tensor:
    scale = as_float32(scale)  # as all are that come from files
    numbers = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * (scale * spread)
    with quiet_quantization():
        found = torch.quantize_per_tensor(numbers, scale, zero_point, torch.quint8)
    return found.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else found


# Layers.


@pytest.mark.parametrize("engine", ["fbgemm", "qnnpack"])
@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("is_rectified", [True, False])
@pytest.mark.parametrize(
    "form",
    [
        nn.Conv2d(64, 96, 3, padding=1),
        nn.Conv2d(3, 16, 7, stride=2, padding=3),
        nn.Conv2d(32, 64, 1),
        nn.Conv2d(64, 64, 3, groups=8, padding=1),
        nn.Conv2d(40, 40, 5, stride=2, groups=40, padding=2),
    ],
    ids=["3x3", "first", "1x1", "grouped", "depthwise"],
)
def test_convolution_gives_what_the_kernel_does(engine, per_channel, is_rectified, form):
    if engine not in torch.backends.quantized.supported_engines:
        pytest.skip(f"no {engine} here")
    torch.manual_seed(0)
    layer = Conv2d(form, is_rectified=is_rectified, has_bias=True, engine=engine)
    # Not the largest integers: of depthwise convolutions, fbgemm's kernel adds two products in 16 bits.
    layer.weight_integers = torch.randint(-60, 61, form.weight.shape, dtype=torch.int8)
    layer.weight_scales = torch.rand(form.out_channels if per_channel else ()) * 0.001 + 0.0005
    layer.weight_zero_points = torch.zeros(layer.weight_scales.shape, dtype=torch.int64)
    layer.bias = torch.randn(form.out_channels)
    layer.scale, layer.zero_point = as_float32(0.0537), 77
    x = activation((2, form.in_channels, 19, 17), 0.0173, 57)
    assert_same(layer(to_values(x)), layer(x))


@pytest.mark.parametrize("engine", ["fbgemm", "qnnpack"])
def test_fully_connected_layer_gives_what_the_kernel_does(engine):
    if engine not in torch.backends.quantized.supported_engines:
        pytest.skip(f"no {engine} here")
    torch.manual_seed(0)
    layer = Linear(nn.Linear(1280, 100), engine=engine)
    layer.weight_integers.random_(-60, 61)  # without VNNI, fbgemm's kernel adds two products in 16 bits
    layer.weight_scales = torch.rand(100) * 0.001 + 0.0005
    layer.weight_zero_points = torch.zeros(100, dtype=torch.int64)
    layer.bias.normal_()
    layer.scale, layer.zero_point = as_float32(0.0537), 77
    x = activation((5, 1280), 0.0173, 57)
    assert_same(layer(to_values(x)), layer(x))


@pytest.mark.parametrize("name", ["add", "add_relu", "mul", "cat"])
@pytest.mark.parametrize("zero_point", [100, 101])
def test_operation_on_two_activations_gives_what_the_kernel_does(name, zero_point):
    layer = Functional(as_float32(0.0307), zero_point)
    x, y = activation((2, 64, 9, 8), 0.0231, 113, 1), activation((2, 64, 9, 8), 0.0131, 88, 2)
    both = [(x, y), (to_values(x), to_values(y))]
    expected, found = (getattr(layer, name)(*([[a, b], 1] if name == "cat" else [a, b])) for a, b in both)
    assert_same(found, expected)


def test_channels_are_scaled_as_the_kernel_does():
    layer = Functional(as_float32(0.0307), 101)
    shares, x = activation((2, 64, 1, 1), 1 / 256, 0), activation((2, 64, 9, 8), 0.0231, 113)
    assert_same(layer.mul(to_values(shares), to_values(x)), layer.mul(shares, x))


def test_half_a_step_is_rounded_to_the_even_number_of_steps():
    x = torch.quantize_per_tensor((torch.arange(256.0) - 128) * 0.5, 0.5, 128, torch.quint8).view(1, 64, 2, 2)
    nothing = torch.quantize_per_tensor(torch.zeros(1, 64, 2, 2), 0.5, 128, torch.quint8)
    for zero_point in (100, 101):
        layer = Functional(1.0, zero_point)
        assert_same(layer.add(to_values(x), to_values(nothing)), layer.add(x, nothing))


@pytest.mark.parametrize("function", [Hardswish(as_float32(0.0307), 101), *BETWEEN_LAYERS])
@pytest.mark.parametrize("size", [(7, 7), (8, 8)])
def test_what_lies_between_layers_gives_what_torch_does(function, size):
    x = activation((2, 64, *size), 0.0231, 113)
    assert_same(function(to_values(x)), function(x))


def test_images_are_quantised_as_torch_does(without_kernels):
    images = torch.randn(4, 3, 64, 64)
    layer = Quantize("fbgemm")
    layer.scale, layer.zero_point = as_float32(0.0187), 114
    expected = layer(images)
    without_kernels()
    assert_same(layer(images), expected)
    assert torch.equal(layer(images).dequantize(), expected.dequantize())


def test_unknown_operations_are_an_error_that_says_what_to_do():
    with pytest.raises(TypeError, match=r"softmax is not for quantised values.*dequantize\(\) them"):
        F.softmax(QuantizedValues(torch.zeros(2), 1.0, 0), dim=0)


@pytest.mark.parametrize("groups", [1, 2])
def test_sums_of_any_size_are_exact(groups):
    """Here they reach 2^27, beyond what float32 holds exactly."""
    torch.manual_seed(0)
    layer = Conv2d(nn.Conv2d(1024, 4, 3, groups=groups), is_rectified=False, has_bias=False, engine="fbgemm")
    layer.weight_integers = torch.randint(100, 128, layer.weight_integers.shape, dtype=torch.int8)
    steps = torch.randint(100, 256, (1, 1024, 3, 3))
    exact = F.conv2d(steps.double(), layer.weight_integers.double(), groups=groups)
    assert exact.min() > 1 << 24
    assert torch.equal(layer._sums(QuantizedValues(steps.float(), 1.0, 0)), exact.float())


def test_precision_of_the_context_does_not_matter():
    layer = Conv2d(nn.Conv2d(64, 4, 3), is_rectified=False, has_bias=True, engine="fbgemm")
    layer.weight_integers.random_(-128, 128)
    x = QuantizedValues(torch.randint(0, 256, (1, 64, 3, 3)).float(), 0.01, 0)
    expected = layer(x).steps
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(layer(x).steps, expected)


@pytest.mark.parametrize("question", [kernels.has_quantized_tensors, kernels.has_integer_operators])
def test_what_torch_has_does_not_depend_on_the_device_of_the_context(question):
    with torch.device("meta"):
        inside = question.__wrapped__()
    assert inside == question.__wrapped__()


# Networks.


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        ("resnet18", "fbgemm"),
        ("shufflenet_v2_x1_0", "fbgemm"),
        ("mobilenet_v3_large", "fbgemm"),
        ("mobilenet_v2", "qnnpack"),
        ("mobilenet_v3_large", "qnnpack"),
        pytest.param("googlenet", "fbgemm", marks=pytest.mark.slow),
        pytest.param("inception_v3", "fbgemm", marks=pytest.mark.slow),
        pytest.param("resnet50", "fbgemm", marks=pytest.mark.slow),
    ],
)
def test_network_of_torchs_eager_quantization_gives_what_ours_does_without_kernels(
    monkeypatch, without_kernels, name, backend
):
    if backend not in torch.backends.quantized.supported_engines:
        pytest.skip(f"no {backend} here")
    images = image_batch((2, 3, 96, 96))
    with monkeypatch.context() as patch:
        patch.setattr(torch.backends.quantized, "engine", backend)
        theirs = convert_after_training(synthetic(name), images, backend)
    ours = getattr(quantization, name)(quantize=True, backend=backend)
    ours.load_state_dict(theirs.state_dict())
    expected = theirs(images)
    without_kernels()
    step = [layer.scale for layer in ours.modules() if isinstance(layer, Linear)][-1]
    assert (ours(images) - expected).abs().max() <= (0.01 if ON_X86 else 8.01) * step
    assert expected.std() > 0.05


def write(folder: Path, member, state) -> str:
    """Save a state where the file of a member would be, and return the URL that it came from."""
    with quiet_quantization():
        torch.save(state, folder / "unnamed")
    name = f"{member.file.name.partition('-')[0]}-{sha256_of(folder / 'unnamed')[:8]}.pth"
    (folder / "unnamed").rename(folder / name)
    return f"http://127.0.0.1:9/{name}"


def published_state(name, images):
    """Return a state as in the file of a model."""
    if name == "quantized_mobilenet_v3_large":
        network = prepare_for_training(synthetic("mobilenet_v3_large"))
        with torch.no_grad():
            network(images)
        return network.state_dict()
    return random_state(get_model(name, quantize=True), largest=2)  # see the test of convolutions


@pytest.mark.parametrize(
    "names", [FEW, pytest.param(MODELS, marks=pytest.mark.slow)], ids=["one of each kind", "all 14 entries"]
)
def test_everything_works_without_torch_ao_and_quantised_tensors(monkeypatch, tmp_path, names):
    images = image_batch((1, 3, 75, 75))
    folder = tmp_path / "caches" / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    members = {}
    for name, member in MEMBERS:
        if name in names:
            url = write(folder, member, published_state(name, image_batch((2, 3, 96, 96))))
            members[str(member)] = (name, url)
    goldens = {
        name: (str(FOLDER / "quantized" / record["file"]), record["input"]["image_batch"], record["num_classes"])
        for name, record in GOLDEN.items()
    }
    script = Path(__file__).parent / "int8_without_torch.py"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        input=json.dumps({"members": members, "images": list(images.shape), "states": goldens}),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    scores = {name: torch.tensor(found) for name, found in json.loads(done.stdout).items()}
    assert len(scores) == len(members) + len(goldens)
    for name in goldens:
        record = GOLDEN[name]["output"]
        difference = scores[name].flatten()[record["index"]] - torch.tensor(record["value"])
        assert difference.abs().max() < (1e-3 + STEPS) * SCALES[name]
    for name, member in MEMBERS:
        if str(member) in members and ON_X86:
            monkeypatch.setattr(member, "_value_", Weights(members[str(member)][1], member.transforms, member.meta))
            expected = get_model(name, weights=member, quantize=True)(images)
            assert expected.std() > 0.1
            assert torch.equal(scores[str(member)], expected), member


@pytest.fixture
def plain_network(without_kernels):
    """An int8 network that torch's kernels do not compute."""
    network = quantization.shufflenet_v2_x0_5(quantize=True, num_classes=10)
    network.load_state_dict(random_state(network))
    without_kernels()
    return network


IMAGES = image_batch((2, 3, 64, 64))


def test_features_are_values_with_their_scale(plain_network):
    features = plain_network.forward_features(IMAGES)
    assert isinstance(features, QuantizedValues)
    assert features.shape == (2, 1024, 2, 2)
    assert torch.equal(plain_network.forward_head(features), plain_network(IMAGES))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
@pytest.mark.parametrize("used", [False, True], ids=["new", "used"])
def test_copies_compute_the_same_and_hold_nothing_twice(plain_network, copied, used):
    size = len(pickle.dumps(plain_network))
    expected = plain_network(IMAGES) if used else None
    twin = copied(plain_network)
    assert torch.equal(twin(IMAGES), plain_network(IMAGES) if expected is None else expected)
    assert len(pickle.dumps(twin)) < size + 1000


def test_state_is_integers_where_torch_has_no_tensors_for_it(plain_network):
    state = plain_network.state_dict()
    assert {value.dtype for value in state.values()} == {torch.int8, torch.int64, torch.float32}
    assert not any(value.is_quantized for value in state.values())
    names = ["weight_integers", "weight_scales", "weight_zero_points", "bias", "scale", "zero_point"]
    assert [name for name in state if name.startswith("fc.")] == [f"fc.{name}" for name in names]
    twin = quantization.shufflenet_v2_x0_5(quantize=True, num_classes=10)
    twin.load_state_dict(state)
    assert torch.equal(twin(IMAGES), plain_network(IMAGES))


def test_state_of_integers_is_the_state_of_tensors(monkeypatch, plain_network):
    state = plain_network.state_dict()
    monkeypatch.undo()
    published = plain_network.state_dict()
    twin = quantization.shufflenet_v2_x0_5(quantize=True, num_classes=10)
    twin.load_state_dict(state)
    assert_same_state(twin.state_dict(), published)


@pytest.mark.parametrize("name", ["_packed_params.", ""])
def test_fully_connected_layers_of_earlier_versions_are_loaded(name):
    layer = Linear(nn.Linear(3, 2), engine="fbgemm")
    layer.weight_integers.random_(-9, 9)
    state = layer.state_dict()
    weight, bias = state.pop("_packed_params._packed_params")
    del state["_packed_params.dtype"]
    twin = Linear(nn.Linear(3, 2), engine="fbgemm")
    twin.load_state_dict({**state, f"{name}weight": weight, f"{name}bias": bias})
    assert torch.equal(twin.weight_integers, layer.weight_integers)


def test_floating_point_where_int8_should_be_is_an_error_that_says_so():
    layer = Linear(nn.Linear(3, 2), engine="fbgemm")
    state = {**layer.state_dict(), "_packed_params._packed_params": (torch.ones(2, 3), torch.ones(2))}
    with pytest.raises(RuntimeError, match=r"weight: expected a tensor of torch\.qint8, found torch\.float32"):
        layer.load_state_dict(state)


def test_loading_again_forgets_what_was_made_of_the_weights_before(plain_network):
    before = plain_network(IMAGES)
    state = plain_network.state_dict()
    plain_network.load_state_dict({name: value.clone() for name, value in state.items()} | {"fc.bias": torch.ones(10)})
    assert not torch.equal(plain_network(IMAGES), before)


def test_network_moves_and_keeps_its_types(plain_network):
    expected = plain_network(IMAGES)
    types = {name: buffer.dtype for name, buffer in plain_network.named_buffers()}
    plain_network.half()
    assert {name: buffer.dtype for name, buffer in plain_network.named_buffers()} == types
    assert torch.equal(plain_network(IMAGES), expected)
    assert {buffer.device.type for buffer in plain_network.to("meta").buffers()} == {"meta"}


def test_no_operator_of_onednn_is_needed(monkeypatch, plain_network):
    expected = plain_network(IMAGES)
    monkeypatch.setattr("zoo_classification.quantization._kernels.has_integer_operators", lambda: False)
    assert torch.equal(copy.deepcopy(plain_network)(IMAGES), expected)


def test_weights_that_are_not_symmetric_are_computed_with():
    torch.manual_seed(0)
    layer = Conv2d(nn.Conv2d(8, 4, 3), is_rectified=False, has_bias=False, engine="fbgemm")
    layer.weight_integers.random_(-128, 128)
    layer.weight_zero_points = torch.tensor(3)
    x = QuantizedValues(torch.randint(-9, 200, (1, 8, 5, 5)).float(), 0.01, 9)
    exact = F.conv2d(x.steps.double(), layer.weight_integers.double() - 3)
    assert torch.equal(layer._sums(x), exact.float())


@pytest.mark.parametrize("dynamic", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["one size", "any size"])
def test_exported_network_computes_the_same(dynamic):
    make = partial(quantization.QuantizableResNet, quantization.QuantizableBasicBlock, [1, 1, 1, 1], num_classes=10)
    network = make_empty(make, "fbgemm")
    network.load_state_dict(random_state(network))
    for module in network.modules():
        if isinstance(module, Conv2d | Linear):
            module.weight_integers.clamp_(-60, 60)  # whose products fbgemm's kernel adds exactly on every processor
    network(IMAGES)
    shapes, images = None, IMAGES
    if dynamic:
        number, height, width = (torch.export.Dim(name, min=1, max=9) for name in ("number", "height", "width"))
        shapes, images = ({0: number, 2: 32 * height, 3: 32 * width},), image_batch((3, 3, 96, 128))
    program = torch.export.export(network, (IMAGES,), dynamic_shapes=shapes, strict=False)
    assert torch.equal(program.module()(images), network(images))
    assert {tensor.dtype for tensor in program.state_dict.values()} == {torch.int8, torch.int64, torch.float32}
    assert not [value for value in program.constants.values() if isinstance(value, Tensor) and value.numel() > 1]


@SCRIPTING
def test_traced_network_computes_the_same():
    network = quantization.shufflenet_v2_x0_5(quantize=True, num_classes=10)
    network.load_state_dict(random_state(network, largest=2))
    traced = torch.jit.trace(network, IMAGES, check_trace=False)
    assert torch.equal(traced(IMAGES), network(IMAGES))


@SCRIPTING
def test_scripting_without_kernels_is_an_error_that_says_what_to_do(plain_network):
    with pytest.raises(NotImplementedError, match=r"use torch\.export\.export"):
        torch.jit.script(plain_network)
