"""Draw the pictures of docs/pictures: the terminal, the packages, and how the results of each task are drawn.

    python examples/draw_pictures.py docs/pictures

Run by `nox -s pictures`. The digits are predicted by the model that comes with zoo. Other weights would be a download,
so the other results are made up, of a street that is drawn; how they are drawn is as `zoo predict --save` does it.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from html import escape
from io import BytesIO
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from drawn_architecture import architecture
from drawn_street import HEIGHT, WIDTH, seen, street
from zoo_core import embed, get_weight
from zoo_core.drawing import with_caption
from zoo_core.prediction import Classification, ScoredLabel, load_predictor
from zoo_detection.coco_format import RunLengths
from zoo_detection.prediction import DetectedObject, Detection, DetectionPredictor, Keypoint
from zoo_digits.held_out import load_split
from zoo_flow.prediction import FlowPredictor, OpticalFlow
from zoo_segmentation.masks import class_shares, to_image
from zoo_segmentation.prediction import ClassShare, Segmentation, SegmentationPredictor
from zoo_site.gallery import draw_models
from zoo_video.prediction import DecodedClips, VideoPredictor

PACKAGE = Path(__file__).parents[1] / "packages" / "zoo-digits" / "src" / "zoo_digits"
DIGITS = "shufflenet_v2_x0_5_digits"
NEIGHBOURS = 6
COLUMNS = 110
SHOWN = (
    ("zoo predict samples --topk 2", 6),
    ("zoo list 'convnext*' 'resnet*' --min acc@1=80 --max num_params=30M", 6),
    ("zoo info ResNet50_Weights.DEFAULT", 12),
)
"""What the picture of the terminal shows: commands, and how many of their lines."""


def classification() -> Image.Image:
    """Draw digits as the model of zoo-digits predicts them."""
    files = [PACKAGE / "samples" / f"{name}.png" for name in ("three", "seven", "eight")]
    predictor = load_predictor(DIGITS, topk=2)
    images = [predictor.read([file]) for file in files]
    found = predictor.predict([predictor.preprocess(image) for image in images], [file.name for file in files])
    return _beside([predictor.draw(image, result) for image, result in zip(images, found, strict=True)])


def detection() -> Image.Image:
    """Draw boxes, masks and keypoints of the street."""
    picture, things = street()
    weights = get_weight("KeypointRCNN_ResNet50_FPN_Weights.DEFAULT")
    categories = get_weight("MaskRCNN_ResNet50_FPN_V2_Weights.DEFAULT").meta["categories"]
    objects = []
    for thing, mask, score in zip(things, seen(things), (0.97, 0.93, 0.99), strict=True):
        rows, columns = mask.nonzero().unbind(1)
        box = tuple(float(value) for value in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
        joints = {name: Keypoint(name, x, y, 5.0) for name, x, y in thing.joints}
        hidden = Keypoint("", 0.0, 0.0, -5.0)
        points = tuple(joints.get(name, hidden) for name in weights.meta["keypoint_names"]) if joints else ()
        index = categories.index(thing.label)
        objects.append(DetectedObject(thing.label, index, score, box, RunLengths.of_mask(mask), points))  # type: ignore[arg-type]
    return DetectionPredictor(nn.Identity(), weights).draw(picture, Detection("street.png", tuple(objects)))


def segmentation() -> Image.Image:
    """Draw the classes of the street's pixels."""
    picture, things = street()
    weights = get_weight("FCN_ResNet50_Weights.DEFAULT")
    categories = weights.meta["categories"]
    labels = torch.zeros(HEIGHT, WIDTH, dtype=torch.uint8)
    for thing in things:
        labels[thing.mask] = categories.index(thing.label)
    shares = tuple(ClassShare(categories[index], index, share) for index, share in class_shares(labels).items())
    result = Segmentation("street.png", shares, to_image(labels))
    return SegmentationPredictor(nn.Identity(), weights).draw(picture, result)


def optical_flow() -> Image.Image:
    """Draw how the street moves: two pictures of it, and the flow from one to the other."""
    (first, things), (second, _) = street(), street(24)
    flow = torch.zeros(2, HEIGHT, WIDTH)
    for thing in things:
        flow[0, thing.mask] = 24.0 if thing.label == "car" else -12.0
    predictor = FlowPredictor(nn.Identity(), get_weight("Raft_Small_Weights.DEFAULT"))
    right, down = flow.mean(dim=(1, 2)).tolist()
    drawn = predictor.draw((first, second), OpticalFlow("", (right, down), 24.0, flow))
    return _beside([first.resize((WIDTH * 2 // 3, HEIGHT * 2 // 3)), _scaled(drawn, 2 / 3)])


def video() -> Image.Image:
    """Draw what a video of the street might show."""
    frames = tuple(street(moved)[0].resize((240, 160), Image.Resampling.LANCZOS) for moved in (0, 20, 40, 60))
    weights = get_weight("R3D_18_Weights.DEFAULT")
    categories = weights.meta["categories"]
    labels = (("walking the dog", 0.91), ("driving car", 0.06))
    top = tuple(ScoredLabel(label, categories.index(label), score) for label, score in labels)
    predictor = VideoPredictor(nn.Identity(), weights)
    return predictor.draw(DecodedClips(torch.empty(0), frames), Classification("clip.mp4", top))


def terminal() -> str:
    """Run commands as a user does, and return what the terminal shows, as SVG."""
    lines: list[tuple[str, str]] = []
    folder = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "COLUMNS": str(COLUMNS)}
    for command, most in SHOWN:
        arguments = shlex.split(command)
        done = subprocess.run(arguments, cwd=PACKAGE, env=environment, capture_output=True, text=True, check=True)
        output = done.stdout.splitlines()
        lines += [("command", f"$ {command}"), *(("output", line) for line in output[:most])]
        lines += [("more", f"… {len(output) - most} more lines")] if len(output) > most else []
        lines.append(("output", ""))
    return as_svg(lines[:-1])


def as_svg(lines: list[tuple[str, str]], columns: int = COLUMNS) -> str:
    """Draw lines of a terminal, each with its kind; those that are too long end in an ellipsis."""
    height, width = 18 * len(lines) + 32, columns * 8.1 + 32
    colours = {"command": "#7ee0a1", "output": "#dfe5ea", "more": "#8b97a3"}
    texts = (
        f'<text x="16" y="{18 * number + 28}" fill="{colours[kind]}" xml:space="preserve">'
        f"{escape(line if len(line) <= columns else line[: columns - 1] + '…')}</text>"
        for number, (kind, line) in enumerate(lines)
    )
    return "\n".join((
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}">',
        f'<rect width="{width:.0f}" height="{height}" rx="8" fill="#1d2227"/>',
        '<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="13">',
        *texts,
        "</g>",
        "</svg>",
        "",
    ))  # fmt: skip


def neighbours() -> Image.Image:
    """Draw held-out digits, and beside each the digits of the training that are most like it, with their cosines."""
    known, held_out = load_split()
    asked = [held_out.images[held_out.labels.index(label)] for label in (2, 3, 5, 8, 9)]
    vectors = [embed(images, model=DIGITS, normalize=True).vectors for images in (asked, known.images)]
    cosines, places = (vectors[0] @ vectors[1].T).topk(NEIGHBOURS)
    rows = []
    for image, row, found in zip(asked, cosines.tolist(), places.tolist(), strict=True):
        captioned = [
            with_caption(known.images[place], [f"{cosine:.3f}"]) for cosine, place in zip(row, found, strict=True)
        ]
        rows.append(_beside([with_caption(image, ["asked"]), *captioned]))
    return _below(rows)


DRAWN: dict[str, Callable[[], Image.Image]] = {
    "task-classification.png": classification,
    "task-detection.png": detection,
    "task-segmentation.png": segmentation,
    "task-flow.png": optical_flow,
    "task-video.png": video,
    "neighbours.png": neighbours,
}


def main() -> None:
    """Draw all of them into the folder that is named."""
    folder = Path(sys.argv[1])
    for name, draw in DRAWN.items():
        draw().convert("P", palette=Image.Palette.ADAPTIVE, colors=128).save(folder / name, optimize=True)
    (folder / "terminal.svg").write_text(terminal(), encoding="utf-8")
    (folder / "architecture.svg").write_text(architecture(), encoding="utf-8")
    _, pixels = draw_models(PACKAGE.parents[3])
    with Image.open(BytesIO(pixels)) as picture:
        picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(
            folder / "models-accuracy.png", optimize=True
        )
    for name in (*DRAWN, "terminal.svg", "architecture.svg", "models-accuracy.png"):
        print(f"{folder / name}: {(folder / name).stat().st_size:,} bytes")


def _beside(pictures: list[Image.Image]) -> Image.Image:
    """Put pictures side by side, on white."""
    width = sum(picture.width for picture in pictures) + 8 * (len(pictures) - 1)
    whole, left = Image.new("RGB", (width, max(picture.height for picture in pictures)), "white"), 0
    for picture in pictures:
        whole.paste(picture, (left, 0))
        left += picture.width + 8
    return whole


def _below(pictures: list[Image.Image]) -> Image.Image:
    """Put pictures of one size below each other, on white."""
    width, height = pictures[0].size
    whole = Image.new("RGB", (width, len(pictures) * (height + 8) - 8), "white")
    for number, picture in enumerate(pictures):
        whole.paste(picture, (0, number * (height + 8)))
    return whole


def _scaled(picture: Image.Image, factor: float) -> Image.Image:
    return picture.resize((round(picture.width * factor), round(picture.height * factor)), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
