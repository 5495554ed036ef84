"""Train a narrow RAFT on moving textures, from nothing, in a few minutes on one core; measure it, and draw it.

    python examples/train_raft.py [PICTURE.png]

Prints the end-point error on pairs that were not trained with. With a file name it draws what was estimated for some.
"""

import sys

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from translations import FASTEST, translations
from zoo_core.drawing import with_caption
from zoo_core.transforms import tensor_to_pil
from zoo_flow import RAFT, CorrBlock, FeatureEncoder, FlowHead, MotionEncoder, RecurrentBlock, UpdateBlock
from zoo_flow.drawing import colour_wheel, flow_to_image
from zoo_flow.metrics import end_point_error
from zoo_flow.training import sequence_loss
from zoo_flow.warping import warp

SIDE = 64
STEPS = 700
BATCH = 16
ITERATIONS = 5
LEARNING_RATE = 1e-3
HELD_OUT = 1_000_000
"""Seed of the pairs that are not trained with."""


def build_model() -> RAFT:
    """Build a network of 0.4 million parameters, and three scales of correlations: for images of 64 pixels on."""
    correlation = CorrBlock(num_levels=3, radius=3)
    update = UpdateBlock(
        motion_encoder=MotionEncoder(
            in_channels_corr=correlation.out_channels, corr_layers=(64,), flow_layers=(32, 16), out_channels=42
        ),
        recurrent_block=RecurrentBlock(input_size=32 + 42, hidden_size=48, kernel_size=((3, 3),)),
        flow_head=FlowHead(in_channels=48, hidden_size=64),
    )
    return RAFT(
        feature_encoder=FeatureEncoder(layers=(16, 16, 24, 32, 64)),
        context_encoder=FeatureEncoder(layers=(16, 16, 24, 32, 48 + 32), norm_layer=None),
        corr_block=correlation,
        update_block=update,
    )


def train(model: nn.Module, steps: int = STEPS, *, report_every: int = 0) -> None:
    """Train as the paper does, on pairs that are new at every step."""
    random = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=1e-5)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.1)
    model.train()
    for step in range(1, steps + 1):
        first, second, flow = translations(BATCH, SIDE, random)
        loss = sequence_loss(model(first, second, num_flow_updates=ITERATIONS), flow)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if report_every and step % report_every == 0:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
    model.eval()


@torch.inference_mode()
def evaluate(model: nn.Module, pairs: int = 64) -> tuple[float, float]:
    """Return the end-point error on held-out pairs, in pixels, and that of no motion at all."""
    first, second, flow = translations(pairs, SIDE, torch.Generator().manual_seed(HELD_OUT))
    estimated = model(first, second, num_flow_updates=ITERATIONS)[-1]
    return end_point_error(estimated, flow).item(), end_point_error(torch.zeros_like(flow), flow).item()


@torch.inference_mode()
def draw(model: nn.Module, rows: int = 3) -> Image.Image:
    """Draw held-out pairs: the images, the second one warped, the true flow, and those of some iterations."""
    first, second, flow = translations(rows, SIDE, torch.Generator().manual_seed(HELD_OUT + 1))
    flows = model(first, second, num_flow_updates=ITERATIONS)
    longest = 2**0.5 * FASTEST
    columns = {
        "first image": _pixels(first),
        "second": _pixels(second),
        "second, warped": _pixels(warp(second, flows[-1])),
        "true flow": flow_to_image(flow, longest),
    }
    for step in (1, 2, ITERATIONS):
        columns[f"step {step}: {end_point_error(flows[step - 1], flow).item():.2f} px"] = flow_to_image(
            flows[step - 1], longest
        )
    legend = torch.full_like(columns["second"], 255)
    legend[0] = colour_wheel(SIDE)
    columns[f"colours: {longest:.1f} px"] = legend
    return _side_by_side([with_caption(_stacked(images), [title]) for title, images in columns.items()])


def _pixels(images: Tensor) -> Tensor:
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def _stacked(images: Tensor, zoom: int = 2, gap: int = 4) -> Image.Image:
    """Put images `(N, 3, H, W)`, enlarged, one below the other, white between them."""
    enlarged = images.repeat_interleave(zoom, dim=2).repeat_interleave(zoom, dim=3)
    spaced = F.pad(enlarged, (gap, gap, gap, gap), value=255)
    return tensor_to_pil(torch.cat(list(spaced), dim=1))


def _side_by_side(columns: list[Image.Image]) -> Image.Image:
    canvas = Image.new("RGB", (sum(column.width for column in columns), columns[0].height), "white")
    left = 0
    for column in columns:
        canvas.paste(column, (left, 0))
        left += column.width
    return canvas


def main() -> None:
    """Train, measure, draw."""
    torch.manual_seed(0)
    model = build_model()
    train(model, report_every=50)
    error, motion = evaluate(model)
    print(f"end-point error on held-out pairs: {error:.3f} pixels, where pixels move by {motion:.3f}")
    if len(sys.argv) > 1:
        draw(model).save(sys.argv[1], optimize=True)


if __name__ == "__main__":
    main()
