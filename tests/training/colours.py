"""A data set of a second: noisy images of three colours."""

from pathlib import Path

from PIL import Image

COLOURS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}


def write_colours(root: Path, images: int) -> Path:
    """Write a folder for each colour, with so many images of 32 x 32 pixels."""
    for name, colour in COLOURS.items():
        (root / name).mkdir(parents=True)
        for number in range(images):
            noise = Image.effect_noise((32, 32), 60).convert("RGB")
            Image.blend(noise, Image.new("RGB", (32, 32), colour), 0.5).save(root / name / f"{number}.png")
    return root
