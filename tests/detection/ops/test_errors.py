"""Errors are of the types that programs written for torchvision catch, and value errors at once."""

from collections.abc import Callable

import pytest
import torch

from zoo_classification import vit_b_32
from zoo_core.errors import InputError
from zoo_core.layers import require_image_size
from zoo_detection import AnchorGenerator, ImageList
from zoo_detection.ops import batched_nms, nms, roi_align, sigmoid_focal_loss

BOXES, SCORES = torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.ones(1)
FEATURES = torch.zeros(1, 2, 8, 8)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: nms(BOXES[0], SCORES, 0.5), RuntimeError),
        (lambda: nms(torch.zeros(1, 5), SCORES, 0.5), RuntimeError),
        (lambda: nms(BOXES, SCORES[:, None], 0.5), RuntimeError),
        (lambda: nms(BOXES, torch.ones(2), 0.5), RuntimeError),
        (lambda: batched_nms(torch.zeros(1, 5), SCORES, SCORES, 0.5), RuntimeError),
        (lambda: roi_align(FEATURES, BOXES, 2), AssertionError),
        (lambda: roi_align(FEATURES, [torch.zeros(1, 5)], 2), AssertionError),
        (lambda: roi_align(FEATURES, None, 2), AssertionError),  # type: ignore[arg-type]
        (lambda: AnchorGenerator()(ImageList(FEATURES, [(8, 8)]), [FEATURES, FEATURES]), AssertionError),
        (lambda: AnchorGenerator().grid_anchors([], []), AssertionError),
        (lambda: vit_b_32(num_classes=2)(torch.zeros(1, 3, 32, 32)), AssertionError),
        (lambda: vit_b_32(image_size=33), AssertionError),
        (lambda: require_image_size(FEATURES, 9), RuntimeError),
    ],
)
def test_wrong_input_is_a_value_error_and_what_torchvision_raises(
    call: Callable[[], object], error: type[Exception]
) -> None:
    with pytest.raises(InputError) as caught:
        call()
    assert isinstance(caught.value, error)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("alpha", [-2, -0.5, 1.5, float("nan")])
def test_the_weight_of_the_focal_loss_is_a_share_or_minus_one(alpha: float) -> None:
    with pytest.raises(ValueError, match=r"Invalid alpha value: .* in the range \[0,1\] or -1"):
        sigmoid_focal_loss(torch.zeros(1), torch.zeros(1), alpha=alpha)
