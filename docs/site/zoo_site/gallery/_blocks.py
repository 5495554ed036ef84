"""What a reader copies off a model's page: how it is loaded, predicts, gives features, is trained and exported."""

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from zoo_core import get_task

from ._entries import Entry
from ._layers import Shapes

FILES: Mapping[str, tuple[str, str]] = {
    "images": ("photos/", '"photos/"'),
    "videos": ("clip.mp4", '"clip.mp4"'),
    "image pairs": ("frame1.png frame2.png", '["frame1.png", "frame2.png"]'),
}
"""What is predicted on, by the media of a task: on the command line, and in Python."""
DATA = {
    "classification": ("my-photos/", "training.md"),
    "detection": ("my-objects/", "training-detection.md"),
    "segmentation": ("my-pixels/", "training-pixels.md#classes-of-pixels"),
    "video": ("my-videos/", "training-pixels.md#classes-of-videos"),
    "optical_flow": ("my-frames/", "training-pixels.md#optical-flow"),
}
"""What is trained on, by task, and where a reader finds what is in it."""


class Block(NamedTuple):
    """A block of code under a heading, with a sentence before it."""

    title: str
    text: str
    language: str
    code: str


def blocks(entry: Entry, layers: Shapes) -> Iterator[Block]:
    """Yield the blocks for a model's default entry."""
    task = get_task(entry.task)
    yield Block("Install", "", "sh", f"pip install {entry.package}")
    yield Block(
        "Load", "The file is fetched and verified once, and read from the cache from then on.", "python", _load(entry)
    )
    on_command_line, in_python = FILES[task.media]
    drawn = " --save drawn/" if entry.task in {"detection", "segmentation", "optical_flow"} else ""
    yield Block("Predict", "", "sh", f"zoo predict {on_command_line} --model {entry.name}{drawn}")
    yield Block(
        "",
        "The same in Python:",
        "python",
        f'from zoo_core import predict\n\nfor result in predict({in_python}, model="{entry.name}"):\n    print(result)',
    )
    if layers:
        yield Block(
            "Take features",
            "The names of layers are [below](#layers-for-features).",
            "python",
            _features(entry, layers),
        )
    if task.training is not None:
        yield from _training(entry)
    if task.export is not None:
        yield Block(
            "Export",
            "A [certificate](../../../export.md#the-certificate) of how closely the file agrees is written beside it.",
            "sh",
            _export(entry),
        )


def _load(entry: Entry) -> str:
    return (
        "from zoo_core import get_model, get_weight\n\n"
        f'weights = get_weight("{entry.weights}")\n'
        f'model = get_model("{entry.name}", weights=weights{_arguments(entry)}).eval()\n'
        "preprocess = weights.transforms()"
    )


def _arguments(entry: Entry) -> str:
    return "".join(f", {name}={value!r}" for name, value in get_task(entry.task).arguments.items())


def _features(entry: Entry, layers: Shapes) -> str:
    prefix = "backbone." if entry.task == "detection" else ""
    names = [name.removeprefix(prefix) for name in last_maps(layers)]
    model = "model.backbone" if prefix else "model"
    inputs = ", ".join([f"torch.zeros{shape}" for shape in entry_inputs(entry)])
    return (
        "import torch\n"
        "from zoo_core import get_model\n"
        "from zoo_core.features import extract_features\n\n"
        f'model = get_model("{entry.name}", weights="DEFAULT"{_arguments(entry)}).eval()\n'
        f"backbone = extract_features({model}, {_quoted(names)})\n"
        f"features = backbone({inputs})"
    )


def entry_inputs(entry: Entry) -> list[tuple[int, ...]]:
    """Return the shapes of what a model can be asked for features with."""
    if entry.task == "optical_flow":
        return [(1, 3, 128, 128)] * 2
    keywords = getattr(entry.weights.transforms, "keywords", {})
    sides = entry.input_sides or ((320, 320) if entry.task == "detection" else (224, 224))
    return [(1, len(keywords.get("mean", (0, 0, 0))), *sides)]


def last_maps(layers: Shapes) -> list[str]:
    """Return the last two layers whose features have places, or the last two if none has."""
    maps = [name for name, shape in layers.items() if len(shape) > 3 and max(shape[2:]) > 1]
    return (maps or list(layers))[-2:]


def _quoted(names: list[str]) -> str:
    return json.dumps(names)


def _training(entry: Entry) -> Iterator[Block]:
    data, page = DATA[entry.task]
    commands = (
        "pip install zoo-training",
        f"zoo train {data} --model {entry.name} -o runs/mine",
        f"zoo predict {FILES[get_task(entry.task).media][0]} --model runs/mine",
    )
    text = f"On [data of your own](../../../{page}); the folder of the run becomes a model."
    yield Block("Fine-tune", text, "sh", "\n".join(commands))
    if "categories" in entry.meta:
        head = f'from zoo_core import get_model\n\nmodel = get_model("{entry.name}", weights="DEFAULT", num_classes=10)'
        yield Block("", "In a loop of your own, with a fresh head for ten classes:", "python", head)


def _export(entry: Entry) -> str:
    file = f"{entry.name}.onnx"
    return f'pip install "zoo-export[onnx]"\nzoo export {entry.name} -o {file}\nzoo export --verify {file}'
