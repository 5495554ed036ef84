"""How new layers begin."""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn


def initialise_convolutions(network: nn.Module, fill: Callable[[Tensor], object]) -> None:
    """Fill the weights of all convolutions in a network, as `torch.nn.init.xavier_uniform_` does; biases are zero."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            fill(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def initialise_normal(network: nn.Module) -> None:
    """Initialise convolutions with normal values of deviation 0.01 (RetinaNet, arXiv:1708.02002, section 4.1)."""
    initialise_convolutions(network, partial(nn.init.normal_, std=0.01))


def initialise_for_relu(network: nn.Module) -> None:
    """Initialise convolutions so that the backward signal goes through ReLUs unweakened.

    Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun: Delving Deep into Rectifiers, 2015, arXiv:1502.01852,
    section 2.2.
    """
    initialise_convolutions(network, partial(nn.init.kaiming_normal_, mode="fan_out", nonlinearity="relu"))
