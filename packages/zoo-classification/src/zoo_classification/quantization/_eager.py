"""What only float networks need of torch's eager quantization (`torch.ao`): fusing, and learning to be int8.

Imported when it is used: int8 networks do without.
"""
# mypy: allow-untyped-calls
# torch.ao is not typed.

from typing import TYPE_CHECKING, TypeVar

from torch import nn
from torch.ao import quantization
from torch.ao.nn import quantized
from torch.ao.nn.intrinsic.modules.fused import _FusedModule

from zoo_core.checkpoints import quiet_quantization

if TYPE_CHECKING:
    from ._network import Quantizable

N = TypeVar("N", bound="Quantizable")


def functional() -> nn.Module:
    """Return an addition, multiplication or concatenation whose result is observed, and quantised when converted."""
    return quantized.FloatFunctional()


def stubs() -> tuple[nn.Module, nn.Module]:
    """Return the places where a converted network begins and ends to compute in int8."""
    return quantization.QuantStub(), quantization.DeQuantStub()


def is_fused(module: nn.Module) -> bool:
    """Tell whether a module is made of several that were fused."""
    return isinstance(module, _FusedModule)


def fuse(module: nn.Module, groups: list[list[str]], *, is_qat: bool) -> None:
    """Make one module of each group of a module's children, in place."""
    function = quantization.fuse_modules_qat if is_qat else quantization.fuse_modules
    function(module, groups, inplace=True)


def prepare_for_training(model: N) -> N:
    """Fuse a network and make it compute as if it were int8 while it trains (section 3), as for the engine qnnpack."""
    model.train().fuse_model()
    model.qconfig = quantization.get_default_qat_qconfig("qnnpack")  # where torch looks for it
    with quiet_quantization():
        quantization.prepare_qat(model, inplace=True)
    return model
