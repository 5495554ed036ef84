"""How new heads begin."""

from torch import nn


def initialise_normal(module: nn.Module) -> None:
    """Initialise a convolution with normal values of deviation 0.01, for `Module.apply` (RetinaNet, section 4.1)."""
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, std=0.01)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def initialise_for_relu(module: nn.Module) -> None:
    """Initialise a convolution so that the backward signal goes through ReLUs unweakened, for `Module.apply`.

    Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun: Delving Deep into Rectifiers, 2015, arXiv:1502.01852,
    section 2.2.
    """
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
