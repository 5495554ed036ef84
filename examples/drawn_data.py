"""Write small data sets to train on: shapes with label maps, videos of shapes that move, pairs of images with flow.

python examples/drawn_data.py label-maps|videos|flows FOLDER [NUMBER]

NUMBER is how many there are: images, videos of each class, pairs.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from shapes import CATEGORIES, SIDE, draw_scenes, draw_shape
from translations import translations
from zoo_core.transforms import tensor_to_pil
from zoo_flow.files import write_flo
from zoo_video.frames import write_frames

MOVES = {"down": (0, 1), "left": (-1, 0), "right": (1, 0), "up": (0, -1)}
"""Where shapes move to: the classes of the videos."""
RATE = 15
"""Frames of a video in a second."""
LENGTH = 16
"""Frames of a video."""


def write_label_maps(folder: Path, number: int = 96, seed: int = 0) -> None:
    """Write images of shapes, a label map for each, and the names of the classes."""
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "categories.txt").write_text("\n".join(CATEGORIES) + "\n")
    for place, (image, target) in enumerate(zip(*draw_scenes(number, seed), strict=True)):
        labels = (target["masks"] * target["labels"].to(torch.uint8)[:, None, None]).amax(dim=0)
        tensor_to_pil(_bytes(image)).save(folder / "images" / f"{place:03d}.png")
        Image.fromarray(labels.numpy()).save(folder / "labels" / f"{place:03d}.png")


def write_videos(folder: Path, number: int = 24, seed: int = 0) -> None:
    """Write videos of a shape that moves over noise, so many of each direction: a single frame does not tell it."""
    random = torch.Generator().manual_seed(seed)
    for name, direction in MOVES.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for place in range(number):
            video = write_frames(folder / name / f"{place:03d}.mp4")
            for count, frame in enumerate(draw_move(direction, random)):
                video.add(tensor_to_pil(frame), count / RATE)
            video.close()


def draw_move(direction: tuple[int, int], random: torch.Generator) -> list[Tensor]:
    """Draw the frames of a video, uint8 `(3, 64, 64)`: what leaves at one side comes back at the other."""
    mask = draw_shape(int(torch.randint(1, len(CATEGORIES), (), generator=random)), random)
    ground = 0.3 * torch.rand(3, 1, 1, generator=random) + 0.1 * torch.rand(3, SIDE, SIDE, generator=random)
    colour = (0.5 + 0.5 * torch.rand(3, generator=random))[:, None, None]
    speed = 4 + 4 * float(torch.rand((), generator=random))
    frames = []
    for count in range(LENGTH):
        steps = [round(count * speed * direction[axis]) for axis in (1, 0)]
        moved = mask.roll(steps, dims=(0, 1))
        frames.append(_bytes(torch.where(moved, colour, ground))[:, ::2, ::2])
    return frames


def write_flows(folder: Path, number: int = 96, side: int = 128, seed: int = 0) -> None:
    """Write pairs of textures that have moved as a whole, and their flow."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = zip(*translations(number, side, torch.Generator().manual_seed(seed)), strict=True)
    for place, (first, second, flow) in enumerate(pairs):
        for which, image in enumerate((first, second), 1):
            tensor_to_pil(_bytes((image + 1) / 2)).save(folder / f"{place:03d}_img{which}.png")
        write_flo(folder / f"{place:03d}_flow.flo", flow)


def _bytes(image: Tensor) -> Tensor:
    return (image.clamp(0, 1) * 255).round().to(torch.uint8)


WRITERS: dict[str, Callable[..., None]] = {
    "label-maps": write_label_maps,
    "videos": write_videos,
    "flows": write_flows,
}

if __name__ == "__main__":
    WRITERS[sys.argv[1]](Path(sys.argv[2]), *map(int, sys.argv[3:4]))
