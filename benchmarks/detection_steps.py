"""How long masks and keypoints take after the network, on this CPU: ours against torchvision's loops over instances.

    nox -s bench -- detection_steps

Masks are noise, which takes as long as any. Heatmaps have a peak each, and some noise, as trained networks give them.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.models.detection import roi_heads

from detection import timed
from measure import in_turn, milliseconds, print_table, ratio
from zoo_detection.keypoints.heatmaps import heatmaps_to_keypoints
from zoo_detection.masks.pasting import paste_masks_in_image

CASES = [(10, 100), (10, 300), (100, 100), (100, 300)]
"""Numbers of instances, and the greatest width and height of their boxes in pixels."""
HEIGHT, WIDTH = 480, 640
ROUNDS = 7


def main() -> None:
    torch.manual_seed(0)
    rows = [row for number, side in CASES for row in compare(number, side)]
    header = ("step", "instances", "boxes up to", "zoo", "torchvision", "torchvision : zoo", "difference")
    print_table("After the network", header, rows)


@torch.inference_mode()
def compare(number: int, side: int) -> list[tuple[object, ...]]:
    """Measure both steps with as many instances, in boxes of up to `side` pixels."""
    boxes = draw_boxes(number, side)
    masks, maps = torch.rand(number, 1, 28, 28), draw_heatmaps(number)
    pairs: dict[str, tuple[Callable[[], Tensor], Callable[[], Tensor]]] = {
        "paste masks": (
            partial(paste_masks_in_image, masks, boxes, (HEIGHT, WIDTH)),
            partial(roi_heads.paste_masks_in_image, masks, boxes, (HEIGHT, WIDTH)),
        ),
        "find keypoints": (
            lambda: heatmaps_to_keypoints(maps, boxes)[0],
            lambda: roi_heads.heatmaps_to_keypoints(maps, boxes)[0],
        ),
    }
    rows = []
    for name, pair in pairs.items():
        apart = (pair[0]() - pair[1]()).abs().max().item()
        times = in_turn([timed(function) for function in pair], ROUNDS)
        rows.append((name, number, f"{side} px", *map(milliseconds, times), f"{ratio(*times):.2f}", f"{apart:.0e}"))
    return rows


def draw_boxes(number: int, side: int) -> Tensor:
    """Draw boxes of a tenth of `side` to `side` pixels that lie in the image."""
    sizes = side * (0.1 + 0.9 * torch.rand(number, 2))
    corners = torch.rand(number, 2) * (torch.tensor([WIDTH, HEIGHT]) - sizes)
    return torch.cat([corners, corners + sizes], dim=1)


def draw_heatmaps(number: int, keypoints: int = 17, size: int = 28) -> Tensor:
    """Draw heatmaps `(number, keypoints, 2 * size, 2 * size)`."""
    grid = torch.arange(float(size))
    x, y = (torch.rand(2, number, keypoints, 1, 1) * size).unbind(0)
    peaks = 10 * torch.exp(-((grid - x) ** 2 + (grid[:, None] - y) ** 2) / 4.5)
    return F.interpolate(peaks + 0.3 * torch.randn_like(peaks), scale_factor=2, mode="bilinear")


if __name__ == "__main__":
    main()
