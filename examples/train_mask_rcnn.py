"""Train a small Mask R-CNN on drawn shapes, from nothing, in a few minutes on one core; measure it, and draw it.

    python examples/train_mask_rcnn.py [PICTURE.png]

Prints the average precision of boxes and masks on scenes that were not trained with. With a file name it draws what was
found in some of these scenes.
"""

import sys
from functools import partial

import torch
from PIL import Image
from torch import Tensor, nn

from shapes import CATEGORIES, SIDE, draw_scenes
from zoo_core import Preset, Weights, WeightsEnum
from zoo_core.layers import ConvNormActivation
from zoo_core.transforms import tensor_to_pil
from zoo_detection import (
    AnchorGenerator,
    BackboneWithFPN,
    FastRCNNPredictor,
    MaskRCNN,
    MaskRCNNHeads,
    MaskRCNNPredictor,
    TwoMLPHead,
)
from zoo_detection.evaluation import AveragePrecision, average_precision
from zoo_detection.prediction import DetectionPredictor


class ShapesWeights(WeightsEnum):
    """What belongs to the trained network: its preprocessing and its classes. The file would be published somewhere."""

    V1 = Weights("https://example.org/shapes.pth", Preset("ObjectDetection", {}), {"categories": CATEGORIES})


CHANNELS = 48
STEPS = 400
BATCH = 4
LEARNING_RATE = 2e-3


def build_model() -> MaskRCNN:
    """Build a network of 0.6 million parameters: four strided convolutions, a pyramid on three, and small heads."""
    unit = partial(ConvNormActivation, kernel_size=3)
    body = nn.Sequential(
        nn.Sequential(unit(3, 16, stride=2), unit(16, 24, stride=2)),
        nn.Sequential(unit(24, 48, stride=2), unit(48, 48)),
        nn.Sequential(unit(48, 64, stride=2), unit(64, 64)),
    )
    return MaskRCNN(
        BackboneWithFPN(body, {"0": "0", "1": "1", "2": "2"}, [24, 48, 64], CHANNELS),
        min_size=SIDE,
        max_size=SIDE,
        rpn_anchor_generator=AnchorGenerator(((16,), (24,), (36,), (52,)), ((1.0,),) * 4),
        rpn_pre_nms_top_n_train=200,
        rpn_post_nms_top_n_train=100,
        rpn_pre_nms_top_n_test=100,
        rpn_post_nms_top_n_test=50,
        box_head=TwoMLPHead(CHANNELS * 7**2, 128),
        box_predictor=FastRCNNPredictor(128, len(CATEGORIES)),
        box_batch_size_per_image=32,
        mask_head=MaskRCNNHeads(CHANNELS, (CHANNELS,) * 2),
        mask_predictor=MaskRCNNPredictor(CHANNELS, CHANNELS, len(CATEGORIES)),
    )


def train(model: nn.Module, steps: int = STEPS, *, learning_rate: float = LEARNING_RATE, report: bool = False) -> None:
    """Train a detector on as many batches of new scenes."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps, pct_start=0.1)
    model.train()
    for step in range(steps):
        losses: dict[str, Tensor] = model(*draw_scenes(BATCH, seed=step))
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        schedule.step()
        if report and step % 50 == 49:
            print(step + 1, {name: round(loss.item(), 3) for name, loss in losses.items()}, flush=True)


@torch.inference_mode()
def evaluate(model: nn.Module, number: int = 40) -> tuple[AveragePrecision, AveragePrecision]:
    """Return the average precision of boxes and masks on scenes that `train` does not use."""
    images, targets = draw_scenes(number, seed=10**6)
    detections = model.eval()(images)
    return average_precision(detections, targets), average_precision(detections, targets, overlap="masks")


def draw(model: nn.Module, columns: int = 4, rows: int = 2) -> Image.Image:
    """Draw what a detector finds in some of the scenes that `evaluate` uses."""
    images, _ = draw_scenes(columns * rows, seed=10**6)
    predictor = DetectionPredictor(model, ShapesWeights.V1)
    pictures = [tensor_to_pil((image * 255).byte()) for image in images]
    inputs = [predictor.preprocess(picture) for picture in pictures]
    found = predictor.predict(inputs, [str(index) for index in range(len(inputs))])
    tiles = [predictor.draw(picture, objects) for picture, objects in zip(pictures, found, strict=True)]
    side = tiles[0].width
    sheet = Image.new("RGB", (columns * side, rows * side))
    for index, tile in enumerate(tiles):
        sheet.paste(tile, (index % columns * side, index // columns * side))
    return sheet


def main(picture: str | None = None) -> None:
    """Train, measure, and draw."""
    torch.manual_seed(0)
    model = build_model()
    train(model, report=True)
    for name, precision in zip(("boxes", "masks"), evaluate(model), strict=True):
        print(f"average precision of {name}: {precision.mean:.2f}, at an overlap of 0.5: {precision.at[0.5]:.2f}")
    if picture is not None:
        draw(model).quantize(256, dither=Image.Dither.NONE).save(picture, optimize=True)  # the noise would be large


if __name__ == "__main__":
    main(*sys.argv[1:2])
