"""Use torch.hub as its users do, where nothing of zoo is installed. Run by `nox -s hub`; prints what it did.

torch.hub finds this checkout in its cache, as it would after a download.
"""

import contextlib
import io
import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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
        check_warnings()
    print("torch.hub works from a checkout with nothing of zoo installed")


def load(entry_point: str, /, *args: object, **kwargs: object) -> Any:
    """Load an entry point."""
    return torch.hub.load(REPO, entry_point, *args, trust_repo=True, verbose=False, **kwargs)


def check_entry_points() -> None:
    """List the entry points, and ask for help on each."""
    names = torch.hub.list(REPO, trust_repo=True, verbose=False)
    own = {"get_weight", "get_model", "get_model_weights", "list_models"}
    assert {"resnet50", "shufflenet_v2_x0_5_digits"} | own <= set(names), names
    with contextlib.redirect_stderr(io.StringIO()):  # a line for each call
        helps = {name: torch.hub.help(REPO, name, trust_repo=True) for name in names}
    assert [name for name, text in helps.items() if not text] == []
    arguments = ("weights", "progress", "num_classes", "**kwargs")
    assert all(f"\n    {argument}: " in helps["resnet50"] for argument in arguments), helps["resnet50"]
    print(f"torch.hub.list: {len(names)} entry points, each with help")


def check_models() -> None:
    """Build models by their own entry points and by `get_model`."""
    network = load("resnet18", num_classes=7)
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 7)
    assert type(load("get_model", name="shufflenet_v2_x0_5", weights=None)).__name__ == "ShuffleNetV2"
    assert "mobilenet_v3_small" in load("list_models", include="mobilenet*")
    digits = load("shufflenet_v2_x0_5_digits", weights="DEFAULT")  # its weights are in the checkout
    assert digits.eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 10)
    print(f"torch.hub.load: {type(network).__name__}, models by name, and the digits with their weights")


def check_warnings() -> None:
    """Call a builder in the old way: the warning points at this file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load("resnet18", pretrained=False)
        load("get_model", name="resnet18", pretrained=False)
    assert [warning.filename for warning in caught] == [__file__] * 4, caught
    print("torch.hub.load: a warning points at its caller")


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
