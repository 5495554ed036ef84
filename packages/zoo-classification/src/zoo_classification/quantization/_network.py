"""What the quantizable networks share, as floats and as int8."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from torch import Tensor, nn

from zoo_core.building import ClassificationNetwork

from . import _kernels as kernels
from ._fusing import fusable, replace_relus
from ._layers import Conv2d, Dequantize, Functional, Hardswish, Linear, Quantize

_int8_engine: ContextVar[str | None] = ContextVar("_int8_engine", default=None)


@contextmanager
def building_int8(engine: str) -> Iterator[None]:
    """Inside, quantizable networks are made for int8: what torch's eager quantization looks for is left out."""
    token = _int8_engine.set(engine)
    try:
        yield
    finally:
        _int8_engine.reset(token)


def functional() -> kernels.Functional:
    """Return an addition, multiplication or concatenation as a module, whose result is quantised anew."""
    if _int8_engine.get() is not None:
        return Functional()
    from . import _eager

    return cast("kernels.Functional", _eager.functional())


def _stubs() -> tuple[nn.Module, nn.Module]:
    engine = _int8_engine.get()
    if engine is not None:
        return Quantize(engine), Dequantize()
    from . import _eager

    return _eager.stubs()


class Quantizable(ClassificationNetwork):
    """What makes a network quantizable; comes before the float network among the bases.

    Adds `quant` and `dequant`, between which an int8 network computes in int8. ReLUs become plain ones: not in place,
    since observers look at what comes before, and without ReLU6's bound, since int8 has one anyway.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.engine: str | None = _int8_engine.get()
        """Whose arithmetic an int8 network computes, and whose kernels if torch has them; `None` for a float one."""
        replace_relus(self)
        self.quant, self.dequant = _stubs()

    def forward(self, x: Tensor) -> Tensor:
        """Score images `x`, `(N, 3, H, W)`, for each class, `(N, num_classes)`."""
        scores: Tensor = self.dequant(self._forward_impl(self.quant(x)))  # type: ignore[operator]
        return scores

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the features of images `x`, before they are pooled.

        Those of an int8 network are a tensor of `torch.quint8`, or `QuantizedValues` where torch's kernels do not
        compute it.
        """
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

        Raises:
            ImportError: This torch has no eager quantization (`torch.ao`) any more.
        """
        if self.engine is not None:
            return
        from . import _eager

        is_qat = self.training if is_qat is None else is_qat
        for module in list(self.modules()):
            if not _eager.is_fused(module) and (groups := list(fusable(module))):
                _eager.fuse(module, groups, is_qat=is_qat)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        for layer in _unpickled_layers(self):
            _initialise_as_module(layer)
        if self.engine is not None:
            use_engine(self, kernels.choose_engine(self.engine))

    def __prepare_scriptable__(self) -> nn.Module:
        """Return what TorchScript compiles in place of an int8 network: one of torch's kernels."""
        if self.engine is None or not isinstance(self.quant, Quantize):
            return self
        if not kernels.has_quantized_tensors() or self.engine not in kernels.engines_here():
            raise NotImplementedError(
                "TorchScript takes an int8 network only with torch's own int8 kernels, which are not here: use "
                "torch.export.export."
            )
        clone = copy.deepcopy(self)
        _replace_by_kernels(clone)
        return clone


N = TypeVar("N", bound=Quantizable)


def use_engine(model: nn.Module, engine: str) -> None:
    """Make an int8 network one of that engine, which should compute the same arithmetic."""
    for module in model.modules():
        if isinstance(module, (Quantizable, Quantize, Conv2d, Linear)):
            module.engine = engine


def make_int8(model: nn.Module, engine: str, device: str) -> None:
    """Put int8 layers of weights of zero, on `device`, in place of a float network's layers."""
    for module in list(model.modules()):
        for names in fusable(module):
            convolution, *others = (module.get_submodule(name) for name in names)
            assert isinstance(convolution, nn.Conv2d)
            has_bias = convolution.bias is not None or any(isinstance(other, nn.BatchNorm2d) for other in others)
            rectified = isinstance(others[-1], nn.ReLU)
            layer = Conv2d(convolution, is_rectified=rectified, has_bias=has_bias, engine=engine, device=device)
            for name, new in zip(names, (layer, *(nn.Identity() for _ in others)), strict=True):
                setattr(module, name, new)
    _replace_single_layers(model, engine, device)


def _replace_single_layers(module: nn.Module, engine: str, device: str) -> None:
    for name, child in module.named_children():
        match child:
            case Conv2d() | Linear():
                continue
            case nn.Conv2d():
                has_bias = child.bias is not None
                layer = Conv2d(child, is_rectified=False, has_bias=has_bias, engine=engine, device=device)
                setattr(module, name, layer)
            case nn.Linear():
                setattr(module, name, Linear(child, engine=engine, device=device))
            case nn.Hardswish():
                setattr(module, name, Hardswish())
            case nn.Dropout():
                setattr(module, name, nn.Identity())
            case _:
                _replace_single_layers(child, engine, device)


def _replace_by_kernels(module: nn.Module) -> None:
    for name, child in module.named_children():
        match child:
            case Conv2d() | Linear():
                setattr(module, name, child.packed())
            case Quantize():
                setattr(module, name, kernels.Quantize(child.scale, child.zero_point))
            case Hardswish():
                setattr(module, name, kernels.Hardswish(child.scale, child.zero_point))
            case Functional():
                setattr(module, name, kernels.Functional(child.scale, child.zero_point))
            case Dequantize():
                setattr(module, name, kernels.Dequantize())
            case _:
                _replace_by_kernels(child)


def _unpickled_layers(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the layers that torch unpickles without what every module has, in networks that users converted."""
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
