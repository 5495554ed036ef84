"""Use torch.hub as its users do, where nothing of zoo is installed. Run by `nox -s hub`; prints what it did.

torch.hub finds this checkout in its cache, as it would after a download.
"""

import contextlib
import io
import tempfile
from importlib.util import find_spec
from pathlib import Path

import torch

CHECKOUT = Path(__file__).parents[1]
REPO = "org/zoo:main"


def main() -> None:
    """Try every use of torch.hub; an exception, or an assertion, is a failure."""
    assert find_spec("zoo_core") is None, "zoo is installed here: this check is about a bare checkout"
    with tempfile.TemporaryDirectory() as folder:
        torch.hub.set_dir(folder)
        (Path(folder) / "org_zoo_main").symlink_to(CHECKOUT)
        check_entry_points()
        check_models()
        check_weights()
    print("torch.hub works from a checkout with nothing of zoo installed")


def load(entry_point: str, /, *args: object, **kwargs: object) -> object:
    """Load an entry point."""
    return torch.hub.load(REPO, entry_point, *args, trust_repo=True, verbose=False, **kwargs)


def check_entry_points() -> None:
    """List the entry points, and ask for help on each."""
    names = torch.hub.list(REPO, trust_repo=True, verbose=False)
    assert {"resnet50", "get_weight", "get_model", "get_model_weights", "list_models"} <= set(names), names
    with contextlib.redirect_stderr(io.StringIO()):  # a line for each call
        assert [name for name in names if not torch.hub.help(REPO, name, trust_repo=True)] == []
    print(f"torch.hub.list: {len(names)} entry points, each with help")


def check_models() -> None:
    """Build models by their own entry points and by `get_model`."""
    network = load("resnet18", num_classes=7)
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 7)
    assert type(load("get_model", name="shufflenet_v2_x0_5", weights=None)).__name__ == "ShuffleNetV2"
    assert "mobilenet_v3_small" in load("list_models", include="mobilenet*")
    print(f"torch.hub.load: {type(network).__name__}, and models by name")


def check_weights() -> None:
    """Find weights, under both names of the argument."""
    member = load("get_weight", weights="ResNet50_Weights.IMAGENET1K_V2")
    assert load("get_weight", name="ResNet50_Weights.IMAGENET1K_V2") is member
    assert load("get_weight", "ResNet50_Weights.DEFAULT") is member
    assert load("get_model_weights", name="resnet50") is type(member)
    assert member.transforms()(torch.zeros(3, 300, 300)).shape == (3, 224, 224)
    print(f"torch.hub.load: {member}, by name= and by weights=")


if __name__ == "__main__":
    main()
