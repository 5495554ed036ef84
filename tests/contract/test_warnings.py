"""Every warning of zoo's points at the line of whoever called it, and is worded by one function."""

import ast
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import zoo_classification
import zoo_detection
from classification.test_mnasnet import first_version
from video.encoding import encode
from zoo_core import get_model, list_models
from zoo_core._packages import plug_ins
from zoo_core._warnings import warn_caller
from zoo_core.building import without_files
from zoo_core.features import get_graph_node_names
from zoo_video.io import read_video

ROOT = Path(__file__).parents[2]
SOURCES = sorted(ROOT.glob("packages/*/src/**/*.py"))


def that_call(*names: str) -> set[str]:
    """Return the files that call functions of these names."""
    found = set()
    for path in SOURCES:
        if any(f"{name}(" in path.read_text() for name in names):
            calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
            if any(ast.unparse(call.func).rpartition(".")[2] in names for call in calls):
                found.add(path.relative_to(ROOT / "packages").as_posix())
    return found


class Stop:
    """What ends the call of a builder when it looks at `progress`, before it builds."""

    def __bool__(self) -> bool:
        raise InterruptedError


def load_first_version(folder: Path) -> None:
    zoo_classification.mnasnet0_5(num_classes=10).load_state_dict(first_version(0.5).state_dict())


def read_damaged_video(folder: Path) -> None:
    path = encode(folder / "cut.mkv", np.random.default_rng(0).integers(0, 255, (40, 48, 64, 3), np.uint8))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    read_video(path)


def list_with_a_broken_plug_in(folder: Path) -> None:
    list_models()


class Twofold(nn.Module):
    """Does something else in training."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.relu() if self.training else x.sigmoid()


PLACES: dict[str, Callable[[Path], object]] = {
    "zoo-core/src/zoo_core/building/_deprecated.py": lambda _: get_model("resnet18", pretrained=False),
    "zoo-core/src/zoo_core/building/_backbone.py": lambda _: zoo_detection.retinanet_resnet50_fpn(
        weights_backbone=None, trainable_backbone_layers=2
    ),
    "zoo-core/src/zoo_core/_packages.py": list_with_a_broken_plug_in,
    "zoo-core/src/zoo_core/features/_graph_nodes.py": lambda _: get_graph_node_names(Twofold()),
    "zoo-classification/src/zoo_classification/_googlenet.py": lambda _: zoo_classification.googlenet(
        weights="DEFAULT", aux_logits=True
    ),
    "zoo-classification/src/zoo_classification/_mnasnet.py": load_first_version,
    "zoo-detection/src/zoo_detection/_ssd.py": lambda _: zoo_detection.ssd300_vgg16(weights_backbone=None, size=3),
    "zoo-video/src/zoo_video/io/_container.py": read_damaged_video,
}
"""How each place that warns is come to."""


@pytest.fixture
def _broken_plug_in(tmp_path, monkeypatch):
    (tmp_path / "site" / "broken-1.dist-info").mkdir(parents=True)
    (tmp_path / "site" / "broken-1.dist-info" / "entry_points.txt").write_text("[zoo.packages]\nbroken = not_there\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    plug_ins.cache_clear()
    yield
    plug_ins.cache_clear()


def where_it_points(call: Callable[[], object]) -> set[str]:
    """Return the files that the warnings of a call point at."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return {warning.filename for warning in caught}


def test_no_package_warns_in_any_other_way():
    others = [
        path.name for path in SOURCES if re.search(r"\bimport warnings\b.*warnings\.warn", path.read_text(), re.S)
    ]
    assert others == ["_warnings.py"]


def test_every_place_that_warns_is_tried():
    assert that_call("warn_caller") == set(PLACES)


@pytest.mark.usefixtures("_broken_plug_in")
@pytest.mark.parametrize("place", PLACES)
def test_warning_points_at_its_caller(place, tmp_path):
    with torch.device("meta" if place.startswith(("zoo-detection", "zoo-core")) else "cpu"), without_files():
        assert where_it_points(lambda: PLACES[place](tmp_path)) == {__file__}


@pytest.mark.parametrize("name", list_models())
def test_every_builder_warns_at_its_caller_of_what_is_deprecated(name):
    def build() -> None:
        with pytest.raises(InterruptedError):
            get_model(name, weights=False, progress=Stop())

    assert where_it_points(build) == {__file__}


def test_warning_is_shown_once_for_each_line():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            warn_caller("here")
        warn_caller("here")
    assert len({warning.lineno for warning in caught}) == len(caught) == 2
