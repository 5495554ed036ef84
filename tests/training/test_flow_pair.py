"""Pairs of images stay true to their flow, whatever is done to both."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from translations import draw_textures
from zoo_flow.warping import warp
from zoo_training.augmentation import FlowPair, random_flow_crop

HEIGHT, WIDTH = 96, 144
MARGIN = 4


def points(height: int = HEIGHT, width: int = WIDTH) -> Tensor:
    """Return x and y of each pixel, `(2, H, W)`."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([x, y]).float()


def look(texture: Tensor, where: Tensor) -> Tensor:
    """Return what a texture has at places, uint8 `(3, H, W)`; its middle is the images' middle."""
    side = texture.shape[-1]
    middle = torch.tensor([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])[:, None, None]
    grid = ((where - middle) / (side / 2)).permute(1, 2, 0)[None]
    seen = F.grid_sample(texture, grid, mode="bicubic", align_corners=False)[0]
    return ((seen + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


@pytest.fixture(scope="module")
def pair() -> FlowPair:
    """Return a texture that turns by four degrees, grows by a twentieth and moves: its flow is another everywhere."""
    texture = F.avg_pool2d(draw_textures(1, 256, torch.Generator().manual_seed(3)), 3, 1, 1)
    angle, middle = math.radians(4), torch.tensor([[[70.0]], [[50.0]]])
    turn = 1.05 * torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    motion = torch.tensor([[[5.0]], [[-3.0]]])
    here = points()
    there = torch.einsum("ij,jhw->ihw", turn, here - middle) + middle + motion
    back = torch.einsum("ij,jhw->ihw", torch.linalg.inv(turn), here - middle - motion) + middle
    return FlowPair(images=torch.stack([look(texture, here), look(texture, back)]), flow=there - here)


def error(pair: FlowPair, flow: Tensor | None = None) -> float:
    """Return how many grey levels the second image, brought back by the flow, is from the first, in the mean."""
    flow = pair.flow if flow is None else flow
    first, second = pair.images.float()
    target = points(pair.height, pair.width) + flow
    limits = torch.tensor([pair.width, pair.height])[:, None, None] - MARGIN
    inside = ((target > MARGIN) & (target < limits)).all(dim=0)
    if pair.valid is not None:
        inside &= pair.valid
    assert inside.float().mean() > 0.3
    return float((warp(second, flow) - first).abs().mean(dim=0)[inside].mean())


def test_the_pair_of_these_tests_has_the_flow_that_is_said(pair: FlowPair) -> None:
    assert error(pair) < 2
    assert error(pair, torch.zeros_like(pair.flow)) > 10


@pytest.mark.parametrize("change", ["flip", "flip_vertically"])
def test_a_mirrored_pair_has_the_mirrored_flow(pair: FlowPair, change: str) -> None:
    mirrored = getattr(pair, change)()
    assert error(mirrored) < 2
    assert error(mirrored, mirrored.flow.neg()) > 10


def test_mirroring_twice_gives_the_same_pair(pair: FlowPair) -> None:
    again = pair.flip().flip_vertically().flip().flip_vertically()
    assert torch.equal(again.images, pair.images)
    assert torch.equal(again.flow, pair.flow)


def test_a_part_of_a_pair_has_its_flow(pair: FlowPair) -> None:
    part = pair.crop(20, 31, 64, 80)
    assert part.flow.shape == (2, 64, 80)
    assert error(part) < 2


@pytest.mark.parametrize("size", [(48, 72), (192, 288), (96, 100), (70, 144)])
def test_flow_is_scaled_with_the_images_along_each_axis(pair: FlowPair, size: tuple[int, int]) -> None:
    scaled = pair.resize(*size)
    assert error(scaled) < 3
    unscaled = F.interpolate(pair.flow[None], size)[0]
    assert error(scaled, unscaled) > 2 * error(scaled)


def test_flow_that_is_known_in_places_is_not_mixed_with_what_is_not(pair: FlowPair) -> None:
    valid = torch.rand(HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0)) < 0.7
    holes = FlowPair(images=pair.images, flow=torch.where(valid, pair.flow, torch.nan), valid=valid)
    scaled = holes.resize(120, 200)
    assert scaled.valid is not None
    assert scaled.flow[:, scaled.valid].isfinite().all()
    assert scaled.valid.float().mean() == pytest.approx(0.7, abs=0.03)
    known = FlowPair(images=scaled.images, flow=torch.nan_to_num(scaled.flow), valid=scaled.valid)
    assert error(known) < 3


def test_where_flow_is_known_moves_along(pair: FlowPair) -> None:
    valid = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    valid[10, 20] = True
    holes = FlowPair(images=pair.images, flow=pair.flow, valid=valid)
    assert holes.flip().valid.nonzero().tolist() == [[10, WIDTH - 21]]
    assert holes.flip_vertically().valid.nonzero().tolist() == [[HEIGHT - 11, 20]]
    assert holes.crop(5, 7, 40, 40).valid.nonzero().tolist() == [[5, 13]]


@pytest.mark.parametrize("seed", range(8))
def test_parts_cut_out_by_chance_stay_true(pair: FlowPair, seed: int) -> None:
    part = random_flow_crop(pair, (64, 80), torch.Generator().manual_seed(seed), jitter=0.4)
    assert part.images.shape == (2, 3, 64, 80)
    assert error(part) < 3.5


def test_a_small_pair_is_enlarged_until_the_part_fits(pair: FlowPair) -> None:
    part = random_flow_crop(pair.crop(10, 10, 40, 50), (80, 80), torch.Generator().manual_seed(0), jitter=0.0)
    assert part.images.shape == (2, 3, 80, 80)
    assert error(part) < 3.5


def test_parts_are_of_many_scales_and_places(pair: FlowPair) -> None:
    seen = FlowPair(images=pair.images, flow=points())
    parts = [random_flow_crop(seen, (64, 64), torch.Generator().manual_seed(seed), jitter=0.5) for seed in range(40)]
    corners = {(float(part.flow[0, 0, 0]), float(part.flow[1, 0, 0])) for part in parts}
    assert len(corners) > 30
