"""Use zoo where only its wheels are installed. Run by `nox -s wheels` in an empty environment, away from the repo."""

import inspect
import sys
from importlib.metadata import files
from importlib.util import find_spec
from pathlib import Path

import zoo_core
from zoo_core._registry import get_model_entry


def main(package: str, model: str | None = None) -> None:
    """Check that `package` came from its wheel, is whole, and that `model` of it, or its command, works."""
    module = package.replace("-", "_")
    origin = Path(str(find_spec(module).origin))
    assert "site-packages" in origin.parts, origin
    shipped = {path.suffix for path in files(package)} | {path.name for path in files(package)}
    data = set() if package in {"zoo-export", "zoo-training"} else {".json"}  # which have no facts of their own
    assert {".pyi", "py.typed", *data} <= shipped, shipped

    if model is None:
        CHECKS_OF_PACKAGES[package]()
        assert "torch" not in sys.modules
        print(f"{package} works from its wheel: {origin.parent}")
        return
    assert model in zoo_core.list_models()
    weights = zoo_core.get_model_weights(model)["DEFAULT"]
    classes = len(weights.meta.get("categories", ()))
    assert "torch" not in sys.modules
    builder = zoo_core.get_model_builder(model)
    without = {"weights_backbone": None} if "weights_backbone" in inspect.signature(builder).parameters else {}

    import torch

    with torch.inference_mode():
        CHECKS[get_model_entry(model).task](builder(**without).eval(), weights.transforms(), classes)
    print(f"{package} works from its wheel: {model} from {origin.parent}")


def check_classification(network, transforms, classes):
    assert network(transforms(black(1, 3, 100, 100))).shape == (1, classes) != (1, 0)


def check_segmentation(network, transforms, classes):
    images = transforms(black(1, 3, 100, 120))
    assert network(images)["out"].shape == (1, classes, *images.shape[-2:])


def check_detection(network, transforms, classes):
    (detections,) = network([transforms(black(3, 100, 120))])
    assert detections["boxes"].shape == (len(detections["labels"]), 4)
    assert all(label < classes for label in detections["labels"])


def check_video(network, transforms, classes):
    assert network(transforms(black(1, 16, 3, 100, 120))).shape == (1, classes) != (1, 0)


def check_optical_flow(network, transforms, classes):
    del classes
    assert network(*transforms(black(1, 3, 128, 136), black(1, 3, 128, 136)))[-1].shape == (1, 2, 128, 136)


CHECKS = {
    "classification": check_classification,
    "segmentation": check_segmentation,
    "detection": check_detection,
    "video": check_video,
    "optical_flow": check_optical_flow,
}


def check_evaluation():
    from zoo_evaluation import get_protocol, list_protocols

    assert get_protocol(list_protocols()[0]).metrics
    from zoo_core.cli import main as zoo

    zoo(["evaluate", "--list"], standalone_mode=False)


def check_training():
    from zoo_core.cli import main as zoo
    from zoo_training import Recipe, write_recipe

    write_recipe(Recipe(epochs=3), "recipe.toml")
    zoo(["train", "--help"], standalone_mode=False)


def check_export():
    from zoo_export.formats import FORMATS, get_format

    assert [get_format(name).name for name in FORMATS] == list(FORMATS)
    from zoo_core.cli import main as zoo

    zoo(["export", "--list"], standalone_mode=False)


CHECKS_OF_PACKAGES = {
    "zoo-evaluation": check_evaluation,
    "zoo-training": check_training,
    "zoo-export": check_export,
}


def black(*shape):
    import torch

    return torch.zeros(shape, dtype=torch.uint8)


if __name__ == "__main__":
    main(*sys.argv[1:])
