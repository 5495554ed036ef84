"""What `first_contact_check.py` needs of the world: weights in a folder mirror, inputs, and a Hub, until stdin ends.

    python first_contact_world.py FOLDER    with tests, examples and docs/site on the path

Run with zoo installed, whose catalogue it changes: as if other files, random ones, had been published for some models.
What it prints, a line of JSON, says how a reader reaches all of it, and what the gallery has for them to copy.
"""

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from drawn_data import write_flows, write_label_maps, write_videos
from evaluation.makers_pixels import sintel
from servers import HubServer
from shapes_dataset import write_shapes
from video.encoding import encode, grey_frames
from website.small_models import SMALL
from zoo_core import get_model, get_model_weights
from zoo_core._registry import get_model_entry, task_of
from zoo_core.building import without_files
from zoo_core.files import sha256_of
from zoo_site.gallery._blocks import blocks
from zoo_site.gallery._entries import read_entries

MODELS = {
    "resnet50", "mobilenet_v3_small", "maskrcnn_resnet50_fpn_v2", "fcos_resnet50_fpn", "fcn_resnet50", "r3d_18",
    "raft_small", "resnet18", "mobilenet_v3_large", "vit_b_16", "fasterrcnn_resnet50_fpn", *SMALL.values(),
} - {"shufflenet_v2_x0_5_digits"}  # fmt: skip
"""Those that the pages name with weights, but for the one whose weights are in its package."""
PAIRS = ("a", "b", "frame1", "frame2")
"""Images of one size, for optical flow."""
NAMED = ("cat.jpg", "photo.png", "map.png", "new-photos/1.jpg", "street/1.jpg")
"""Other images that the pages name."""
PETS = ("goldfish", "hen")
CLASSES = {"flowers": ("rose", "tulip"), "my-photos": PETS, "more-photos": PETS, "imagenet": PETS}
"""Folders of images of classes, some of which ImageNet has, too."""


def publish(name: str, mirror: Path) -> None:
    """Put random weights of a model into the mirror, and state their digest in the installed catalogue."""
    member, entry = get_model_weights(name)["DEFAULT"], get_model_entry(name)
    with without_files():
        model = get_model(name, weights=member, **dict(task_of(name).arguments))
    folder = mirror / str(member)
    folder.mkdir(parents=True)
    torch.save(model.state_dict(), folder / "unnamed")
    digest = sha256_of(folder / "unnamed")
    file = (folder / "unnamed").rename(folder / f"{name}-{digest[:8]}.pth")
    catalogue = Path(entry.path)
    family = json.loads(catalogue.read_text(encoding="utf-8"))
    facts = family["weights"][entry.weights][member.name]
    address = facts["url"].rpartition("/")[0]
    facts |= {"url": f"{address}/{file.name}", "sha256": digest, "bytes": file.stat().st_size}
    catalogue.write_text(json.dumps(family), encoding="utf-8")


def make_inputs(folder: Path) -> None:
    """Make the files that the pages name, a photograph whose name has a space, and small data sets to train on."""
    random = np.random.default_rng(0)
    for name in ("photos/my cat.jpg", "photos/street.jpg", *NAMED, *(f"{pair}.png" for pair in PAIRS)):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 255, (192, 256, 3), np.uint8)).save(folder / name)
    for (root, classes), number in itertools.product(CLASSES.items(), range(12)):
        path = folder / root / classes[number % 2] / f"{number}.JPEG"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 200 + 50 * (number % 2), (96, 128, 3), np.uint8)).save(path)
    encode(folder / "clip.mp4", grey_frames(66, 96, 128), rate=30)
    write_shapes(folder / "my-objects", 6, 2)
    write_label_maps(folder / "my-pixels", 6)
    write_videos(folder / "my-videos", 2)
    write_flows(folder / "my-frames", 6)
    sintel(folder / "sintel", {"alley": [((1, 2), torch.ones(2, 64, 96))] * 2})
    (folder / "examples").symlink_to(folder / "zoo" / "examples")


def commands_to_copy() -> list[str]:
    """Return what the pages of small models have for a shell."""
    entries = {entry.name: entry for entry in read_entries({}) if entry.is_default}
    found = [block for name in SMALL.values() for block in blocks(entries[name], {})]
    return [block.code for block in found if block.language == "sh"]


def main() -> None:
    """Publish, tell how all of it is reached, and wait."""
    folder = Path(sys.argv[1])
    torch.manual_seed(0)
    for name in MODELS:
        publish(name, folder / "mirror")
    make_inputs(folder)
    with HubServer(write_token="hf_write") as hub:
        variables = {"ZOO_MIRRORS": str(folder / "mirror"), "HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1"}
        print(json.dumps({"variables": variables, "commands": commands_to_copy()}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
