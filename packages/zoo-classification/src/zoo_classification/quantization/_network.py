"""What the int8 networks share: fusing, engines, conversion.

Benoit Jacob, Skirmantas Kligys, Bo Chen, Menglong Zhu, Matthew Tang, Andrew Howard, Hartwig Adam, Dmitry Kalenichenko:
Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, 2017, arXiv:1712.05877.

All of it stands on torch's eager quantization (`torch.ao.quantization`, `torch.ao.nn`), which no family file imports.
"""
# mypy: allow-untyped-calls
# torch.ao is not typed.

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self, TypeVar

import torch
from torch import Tensor, nn
from torch.ao import quantization
from torch.ao.nn import intrinsic, quantized
from torch.ao.nn.intrinsic import quantized as fused
from torch.ao.nn.intrinsic.modules.fused import _FusedModule

from zoo_core.building import ClassificationNetwork, DeferredInitialization, load_checkpoint
from zoo_core.checkpoints import quiet_quantization
from zoo_core.errors import CheckpointError

from ._depthwise import DepthwiseConv2d

FloatFunctional = quantized.FloatFunctional
"""An addition, multiplication or concatenation as a module, whose result is quantized anew."""

_ENGINES = (("fbgemm", "x86", "onednn"), ("qnnpack",))
"""Which engines compute the same arithmetic; the first of each is the one that published files are for."""


class Quantizable(ClassificationNetwork):
    """What makes a network quantizable; comes before the float network among the bases.

    Adds the stubs `quant` and `dequant`, between which a converted network computes in int8. ReLUs become plain
    ones: not in place, since observers look at what comes before, and without ReLU6's bound, since int8 has one anyway.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.engine: str | None = None
        """What computes an int8 network; `None` for a float one."""
        _replace_relus(self)
        self.quant = quantization.QuantStub()
        self.dequant = quantization.DeQuantStub()

    def forward(self, x: Tensor) -> Tensor:
        """Score images `x`, `(N, 3, H, W)`, for each class, `(N, num_classes)`."""
        scores: Tensor = self.dequant(self._forward_impl(self.quant(x)))  # type: ignore[operator]
        return scores

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the features of images `x`, before they are pooled; of an int8 network as `torch.quint8`."""
        return super().forward_features(self.quant(x))

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        scores: Tensor = self.dequant(super().forward_head(features, pre_logits))
        return scores

    def reset_classifier(self, num_classes: int) -> None:
        """Replace the classifier of a float network, as `ClassificationNetwork.reset_classifier` does."""
        if self.engine is not None:
            raise ValueError(
                "An int8 network is as its file is. To train another classifier, or to have none, build with "
                "quantize=False."
            )
        super().reset_classifier(num_classes)

    def fuse_model(self, is_qat: bool | None = None) -> None:
        """Make one module of each convolution, its batch norm and its ReLU, in place. Fused ones stay as they are.

        Args:
            is_qat: Whether it is for quantization-aware training, where batch norms go on to learn, or for conversion
                after training, where they become part of the convolutions. By default, whether it is in training mode.
        """
        fuse = quantization.fuse_modules_qat if (self.training if is_qat is None else is_qat) else _fuse_for_evaluation
        for module in list(self.modules()):
            if groups := list(_fusable(module)):
                fuse(module, groups, inplace=True)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Load as any module does; int8 weights are packed for the network's own engine, whatever torch's is now."""
        with engine_of_torch(self.engine):
            return super().load_state_dict(state_dict, strict, assign)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for layer in _unpickled_layers(self):
            _initialise_as_module(layer)
        if self.engine is not None and self.engine != torch.backends.quantized.engine:
            self.engine = choose_engine(self.engine)
            with engine_of_torch(self.engine):
                _pack_again(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        clone = type(self).__new__(type(self))
        memo[id(self)] = clone
        with engine_of_torch(self.engine):
            clone.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return clone


N = TypeVar("N", bound=Quantizable)


def _unpickled_layers(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the layers that torch unpickles without what every module has: the int8 ones."""
    if "_modules" not in vars(module):
        yield module
    else:
        for child in module.children():
            yield from _unpickled_layers(child)


def _initialise_as_module(layer: nn.Module) -> None:
    """Give an unpickled layer what every module has."""
    state = dict(vars(layer))
    nn.Module.__init__(layer)
    vars(layer).update(state)


def _pack_again(model: nn.Module) -> None:
    """Pack int8 weights, which are unpickled for whatever engine torch has then, for its engine of now."""
    for layer in model.modules():
        if isinstance(layer, (quantized.Conv2d, quantized.Linear)):
            layer.set_weight_bias(*layer._weight_bias())


def choose_engine(backend: str) -> str:
    """Return `backend`, or another engine of the same arithmetic if this build of torch lacks it."""
    likes, here = engines_like(backend), engines_here()
    for engine in (backend, *likes):
        if engine in here:
            return engine
    raise RuntimeError(
        f"This model's int8 weights need the engine {' or '.join(likes)}, but torch has {', '.join(here)} here. "
        "The float model, quantize=False, runs everywhere."
    )


def engines_here() -> list[str]:
    """Return the engines that this build of torch has on this machine."""
    return list(torch.backends.quantized.supported_engines)


@contextmanager
def engine_of_torch(engine: str | None) -> Iterator[None]:
    """Inside, weights are packed for `engine`: a setting of the whole process, so it is put back. `None` changes none.

    Packed weights know their engine, so none needs to be set while the network runs.
    """
    before = torch.backends.quantized.engine
    if engine is not None:
        torch.backends.quantized.engine = engine
    try:
        yield
    finally:
        torch.backends.quantized.engine = before


def engines_like(backend: str) -> tuple[str, ...]:
    """Return the engines that compute the same arithmetic; a `ValueError` if `backend` is none."""
    for likes in _ENGINES:
        if backend in likes:
            return likes
    known = ", ".join(engine for likes in _ENGINES for engine in likes)
    raise ValueError(f"backend should be one of {known}, found {backend!r}")


def _replace_relus(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, (nn.ReLU, nn.ReLU6)):
            setattr(module, name, nn.ReLU())
        _replace_relus(child)


def _fuse_for_evaluation(module: nn.Module, groups: list[list[str]], *, inplace: bool) -> None:
    is_empty = any(parameter.is_meta for parameter in module.parameters())
    quantization.fuse_modules(module, groups, inplace=inplace, **({"fuser_func": _fuse_empty} if is_empty else {}))


def _fuse_empty(layers: list[nn.Module], *_: Any) -> list[nn.Module]:  # what else torch gives a fuser
    """Fuse layers on `meta` into what torch would fuse them, computing nothing: there, even that needs a compiler."""
    convolution = layers[0]
    assert isinstance(convolution, nn.Conv2d)
    if convolution.bias is None and isinstance(layers[1], nn.BatchNorm2d):
        convolution.bias = nn.Parameter(convolution.weight.new_empty(convolution.out_channels))
    fused = intrinsic.ConvReLU2d(convolution, layers[-1]) if isinstance(layers[-1], nn.ReLU) else convolution
    return [fused, *(nn.Identity() for _ in layers[1:])]


def _fusable(module: nn.Module) -> Iterator[list[str]]:
    """Yield the names of each convolution and what follows it and can be fused with it.

    A module computes its children in their order, or has an attribute `computed` that tells their order.
    """
    children = {} if isinstance(module, _FusedModule) else dict(module.named_children())
    kinds = {nn.Conv2d: "c", nn.BatchNorm2d: "n", nn.ReLU: "r"}
    for names in getattr(module, "computed", (tuple(children),)):
        text = "".join(kinds.get(type(children[name]), "-") for name in names)
        for found in re.finditer("cnr?|cr", text):
            yield list(names[found.start() : found.end()])


def from_state(make: Callable[[], N], engine: str, state: Mapping[str, Any], source: str) -> N:
    """Build from a file, which holds an int8 network or one prepared for quantization-aware training."""
    if any(name.endswith(".weight_fake_quant.scale") for name in state):
        with torch.device("meta"), DeferredInitialization():
            model = prepare_for_training(make())
        load_checkpoint(model, state, source=source)  # takes the tensors of the file in place of those without values
        quantization.convert(model.eval(), inplace=True)
        model.engine = engine
        return model
    model = make_empty(make, engine)
    _check_shapes(model, state, source)
    load_checkpoint(model, state, source=source)
    return model


def prepare_for_training(model: N) -> N:
    """Fuse a network and make it compute as if it were int8 while it trains (section 3), as for the engine qnnpack."""
    model.train().fuse_model()
    model.qconfig = quantization.get_default_qat_qconfig("qnnpack")  # where torch looks for it
    with quiet_quantization():
        quantization.prepare_qat(model, inplace=True)
    return model


def make_empty(make: Callable[[], N], engine: str) -> N:
    """Build an int8 network whose layers still lack their weights."""
    with torch.device("meta"), DeferredInitialization():  # which is never done: on meta, torch would compile for it
        model = make().eval()
    model.fuse_model()
    _empty_layers(model)
    model.engine = engine
    return model.eval()


def _empty_layers(module: nn.Module) -> None:
    for name, child in module.named_children():
        layer = _empty_layer(child)
        if layer is None:
            _empty_layers(child)
        else:
            setattr(module, name, layer)


def _empty_layer(layer: nn.Module) -> nn.Module | None:  # noqa: PLR0911 # a table
    """Return the int8 layer in place of a float one, if there is one."""
    match layer:
        case intrinsic.ConvReLU2d():
            return _empty_convolution(fused.ConvReLU2d, next(layer.children()))
        case nn.Conv2d():
            return _empty_convolution(DepthwiseConv2d if _needs_filling(layer) else quantized.Conv2d, layer)
        case nn.Linear():
            return _empty_linear(layer)
        case FloatFunctional():
            return quantized.QFunctional()
        case nn.Hardswish():
            return quantized.Hardswish(1.0, 0)
        case nn.Dropout():
            return quantized.Dropout(layer.p, layer.inplace)
        case quantization.QuantStub():
            return quantized.Quantize(1.0, 0, torch.quint8)
        case quantization.DeQuantStub():
            return quantized.DeQuantize()
    return None


def _needs_filling(layer: nn.Conv2d) -> bool:
    """Tell whether it is a depthwise convolution for which the engine has no kernel of its own."""
    depthwise = layer.groups == layer.in_channels == layer.out_channels
    return depthwise and layer.groups > 8 and layer.groups % 8 > 0 and torch.backends.quantized.engine != "qnnpack"


def _empty_convolution(kind: type[quantized.Conv2d], layer: nn.Module) -> quantized.Conv2d:
    """Packing costs time, so what is packed before the weights come is as small as can be."""
    assert isinstance(layer, nn.Conv2d)
    convolution = kind(
        layer.groups,
        layer.groups,
        layer.kernel_size,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=layer.groups,
        bias=layer.bias is not None,
        padding_mode=layer.padding_mode,
    )
    convolution.in_channels, convolution.out_channels = layer.in_channels, layer.out_channels
    return convolution


def _empty_linear(layer: nn.Linear) -> quantized.Linear:
    linear = quantized.Linear(1, 1, bias_=layer.bias is not None)
    linear.in_features, linear.out_features = layer.in_features, layer.out_features
    return linear


def _shape(layer: quantized.Conv2d | quantized.Linear) -> tuple[int, ...]:
    """Return the shape of an int8 layer's weight, once it has it."""
    if isinstance(layer, quantized.Conv2d):
        return (layer.out_channels, layer.in_channels // layer.groups, *layer.kernel_size)
    return (layer.out_features, layer.in_features)


def fill_with_zeros(model: N) -> N:
    """Make all weights zero."""
    for layer in model.modules():
        if isinstance(layer, (quantized.Conv2d, quantized.Linear)):
            shape = _shape(layer)
            weight = torch.quantize_per_tensor(torch.zeros(shape), 1.0, 0, torch.qint8)
            layer.set_weight_bias(weight, None if layer.bias() is None else torch.zeros(shape[0]))
    return model


def _check_shapes(model: nn.Module, state: Mapping[str, Any], source: str) -> None:
    """Compare the shapes of int8 weights with their layers: torch would take over any."""
    wrong = []
    for name, layer in model.named_modules():
        if isinstance(layer, (quantized.Conv2d, quantized.Linear)):
            expected, weight = _shape(layer), _weight_of(state, name)
            if weight is not None and tuple(weight.shape) != expected:
                wrong.append(f"{name}: expected {expected}, found {tuple(weight.shape)}")
    if wrong:
        raise CheckpointError(f"{source} does not fit {type(model).__name__}: {'; '.join(wrong[:8])}.")


def _weight_of(state: Mapping[str, Any], name: str) -> Tensor | None:
    packed = state.get(f"{name}._packed_params._packed_params")
    weight: Tensor | None = state.get(f"{name}.weight") if packed is None else packed[0]
    return weight
