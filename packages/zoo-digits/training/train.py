"""Train the embedded digit model, measure it on the held-out digits, and write everything the package ships.

    nox -s digits -- --train

Writes the weights, the facts in catalogue/digits.json that were measured, and the sample images. Fixed seeds: the same
machine gives the same file.
"""

import hashlib
import json
import math
from pathlib import Path

import torch
from evaluate import accuracy
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from zoo_digits import ShuffleNet_V2_X0_5_Digits_Weights, shufflenet_v2_x0_5_digits
from zoo_digits.held_out import PUBLISHED, Digits, load_split

PACKAGE = Path(__file__).parents[1] / "src" / "zoo_digits"
WEIGHTS = ShuffleNet_V2_X0_5_Digits_Weights.DIGITS_V1
EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY, LABEL_SMOOTHING = 90, 64, 4e-3, 0.02, 0.05


def main() -> None:
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(mode=True)
    train_set, held_out = load_split()
    model = shufflenet_v2_x0_5_digits()
    train(model, train_set)
    write_weights(model)
    write_samples(held_out)
    write_facts(model, {"_metrics": {PUBLISHED: {"acc@1": accuracy(model, held_out)}}})


def train(model: nn.Module, digits: Digits) -> None:
    """Train for a fixed number of epochs; the held-out digits are not looked at meanwhile."""
    transforms = WEIGHTS.transforms()
    images = torch.stack([transforms(image) for image in digits.images])
    labels = torch.tensor(digits.labels)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = EPOCHS * math.ceil(len(labels) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    model.train()
    for epoch in range(EPOCHS):
        total = 0.0
        for chosen in torch.randperm(len(labels)).split(BATCH):
            loss = functional.cross_entropy(
                model(augment(images[chosen])), labels[chosen], label_smoothing=LABEL_SMOOTHING
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(chosen)
        print(f"epoch {epoch + 1:3d} of {EPOCHS}  loss {total / len(labels):.4f}")
    model.eval()


def augment(images: Tensor) -> Tensor:
    """Turn each image by up to 15 degrees, shift it by up to a twelfth, and zoom it by up to 12 per cent."""
    count = len(images)
    angle = (torch.rand(count) * 2 - 1) * math.radians(15)
    zoom = 1 + (torch.rand(count) * 2 - 1) * 0.12
    shift = (torch.rand(count, 2) * 2 - 1) / 6
    rows = torch.stack([torch.cos(angle), -torch.sin(angle), torch.sin(angle), torch.cos(angle)], 1).view(-1, 2, 2)
    grid = functional.affine_grid(
        torch.cat([rows * zoom.view(-1, 1, 1), shift.unsqueeze(2)], 2), list(images.shape), align_corners=False
    )
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def write_weights(model: nn.Module) -> None:
    path = weights_path()
    path.parent.mkdir(exist_ok=True)
    save_file(model.state_dict(), path)


def write_samples(digits: Digits) -> None:
    """Write the first held-out image of each digit; the file names say what they show."""
    folder = PACKAGE / "samples"
    folder.mkdir(exist_ok=True)
    for digit in range(10):
        image = digits.images[digits.labels.index(digit)]
        image.save(folder / f"{WEIGHTS.meta['categories'][digit]}.png", optimize=True)


def write_facts(model: nn.Module, measured: dict[str, object]) -> None:
    """Put what was measured into the catalogue; everything else there stays as it is."""
    catalogue = PACKAGE / "catalogue" / "digits.json"
    family = json.loads(catalogue.read_text(encoding="utf-8"))
    facts = family["weights"][type(WEIGHTS).__name__][WEIGHTS.name]
    data = weights_path().read_bytes()
    facts["sha256"], facts["bytes"] = hashlib.sha256(data).hexdigest(), len(data)
    facts["meta"] |= measured | {
        "num_params": sum(parameter.numel() for parameter in model.parameters()),
        "_ops": round(multiply_adds(model) / 1e9, 4),
        "_file_size": round(len(data) / 2**20, 3),
    }
    catalogue.write_text(json.dumps(family, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def multiply_adds(model: nn.Module) -> float:
    """Count the multiply-add operations for one image."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, 64, 64))
    return counter.get_total_flops() / 2


def weights_path() -> Path:
    return PACKAGE / WEIGHTS.url.partition("/")[2]


if __name__ == "__main__":
    main()
