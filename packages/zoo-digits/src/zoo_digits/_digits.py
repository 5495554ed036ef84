"""ShuffleNetV2 for handwritten digits.

E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits. UCI Machine Learning Repository, 1998.
doi:10.24432/C50P49. The network: N. Ma et al., 2018, arXiv:1807.11164.
"""

from typing import Any

from zoo_classification import ShuffleNetV2
from zoo_core.building import builder

from .catalogue.digits import ShuffleNet_V2_X0_5_Digits_Weights


@builder(ShuffleNet_V2_X0_5_Digits_Weights.DIGITS_V1, num_classes=10)
def shufflenet_v2_x0_5_digits(**kwargs: Any) -> ShuffleNetV2:
    """Build a ShuffleNetV2 of half width for the ten digits.

    Returns:
        The network. It takes images of shape (N, 3, H, W), as `weights.transforms()` makes them (64 by 64), and gives
        logits of shape (N, 10).

    Example:
        >>> import torch
        >>> from zoo_digits import shufflenet_v2_x0_5_digits
        >>> model = shufflenet_v2_x0_5_digits(weights="DEFAULT").eval()
        >>> model(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    return ShuffleNetV2([4, 8, 4], [24, 48, 96, 192, 1024], **kwargs)
