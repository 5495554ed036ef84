"""Use zoo where only its wheels are installed. Run by `nox -s wheels` in an empty environment, away from the repo."""

import sys
from importlib.metadata import files
from importlib.util import find_spec
from pathlib import Path

import zoo_core


def main(package: str, model: str) -> None:
    """Check that `package` came from its wheel, is whole, and that `model` of it works."""
    module = package.replace("-", "_")
    origin = Path(str(find_spec(module).origin))
    assert "site-packages" in origin.parts, origin
    shipped = {path.suffix for path in files(package)} | {path.name for path in files(package)}
    assert {".pyi", "py.typed", ".json"} <= shipped, shipped

    assert model in zoo_core.list_models()
    weights = zoo_core.get_model_weights(model).DEFAULT
    assert weights.meta["categories"]
    assert "torch" not in sys.modules
    network = zoo_core.get_model(model).eval()

    import torch

    with torch.inference_mode():
        logits = network(weights.transforms()(torch.zeros(1, 3, 100, 100, dtype=torch.uint8)))
    assert logits.shape == (1, len(weights.meta["categories"]))
    print(f"{package} works from its wheel: {model} from {origin.parent}")


if __name__ == "__main__":
    main(*sys.argv[1:])
