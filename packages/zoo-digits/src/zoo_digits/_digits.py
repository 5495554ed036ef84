"""ShuffleNetV2 for handwritten digits.

E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits. UCI Machine Learning Repository, 1998.
doi:10.24432/C50P49. The network: N. Ma et al., 2018, arXiv:1807.11164.
"""

from typing import Any

from zoo_classification import ShuffleNetV2
from zoo_core.building import build, builder

from .catalogue.digits import ShuffleNet_V2_X0_5_Digits_Weights


@builder(weights=ShuffleNet_V2_X0_5_Digits_Weights.DIGITS_V1)
def shufflenet_v2_x0_5_digits(
    *, weights: ShuffleNet_V2_X0_5_Digits_Weights | str | None = None, progress: bool = True, **kwargs: Any
) -> ShuffleNetV2:
    """Build a ShuffleNetV2 of half width for the ten digits.

    Args:
        weights: A member of the enum, its name, or `None` for an initialised model.
        progress: As for every builder; these weights need no download.
        **kwargs: More arguments of `ShuffleNetV2`; `num_classes` is 10 by default.

    Returns:
        The network. It takes images of shape (N, 3, H, W), as `weights.transforms()` makes them (64 by 64), and gives
        logits of shape (N, 10).

    Example:
        >>> model = shufflenet_v2_x0_5_digits(weights="DEFAULT").eval()
        >>> model(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    kwargs.setdefault("num_classes", 10)
    return build(ShuffleNetV2, [4, 8, 4], [24, 48, 96, 192, 1024], weights=weights, progress=progress, **kwargs)
