"""Detectors are exported with images of any height and width, and the programs find what the models find."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from reference.records import build_as, prepare_, record_of, spread_scores_
from zoo_core import list_models
from zoo_detection import ops
from zoo_detection.foundation.tracing import TELLS_EXPORT_APART

from .one_stage.test_dense_detectors import fcos, retinanet, spread, ssd

pytestmark = pytest.mark.skipif(not TELLS_EXPORT_APART, reason="torch.export does not do it before PyTorch 2.13")
DETECTORS = list_models("zoo_detection")
ANY_SIZE = ([{1: Dim.DYNAMIC, 2: Dim.DYNAMIC}],)
SIZES = ((200, 256), (240, 180), (151, 150))
RCNN = ("fasterrcnn", "maskrcnn", "keypointrcnn")
TINY = pytest.mark.parametrize("detector", [retinanet, fcos, ssd])


def exported(model: nn.Module) -> ExportedProgram:
    """Export a detector for one image of any size."""
    image = torch.rand(3, 200, 256)
    return torch.export.export(model.eval(), ([image],), dynamic_shapes=ANY_SIZE, strict=False)


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float = 0.0) -> None:
    """Check that the same objects were found, in the same order."""
    assert list(found) == list(expected)
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=tolerance)


def assert_program_agrees(model: nn.Module, sizes: Iterable[tuple[int, int]], *, found: bool) -> None:
    program = exported(model).module()
    for size in sizes:
        images = [torch.rand(3, *size)]
        with torch.no_grad():
            (expected,), (given,) = model(images), program(images)
        assert (len(expected["scores"]) > 0) == found
        assert_same(given, expected, 1e-3)


def filled(name: str) -> nn.Module:
    """Build a detector with synthetic parameters, and scores that differ by more than rounding."""
    record = record_of("outputs", name, "none")
    return spread_scores_(prepare_(build_as(name, "none", **record["kwargs"]), record))


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


# Any size, nothing and much


class Suppress(nn.Module):
    """NMS of those of some boxes that are good enough: how many there are is not known before."""

    def forward(self, boxes: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
        good = torch.where(scores > 0.5)[0]
        return good[ops.batched_nms(boxes[good], scores[good], labels[good], 0.3)]


def crowd(number: int, least: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    corners = torch.rand(number, 2) * 50
    boxes = torch.cat((corners, corners + 5 + torch.rand(number, 2) * 30), dim=1)
    return boxes, least + torch.rand(number) * (1 - least), torch.randint(3, (number,))


def test_suppression_is_exported_for_any_number_of_boxes() -> None:
    shapes = ({0: Dim.DYNAMIC},) * 3
    program = torch.export.export(Suppress(), crowd(40), dynamic_shapes=shapes, strict=False).module()
    for given in (crowd(40), crowd(150), crowd(90, least=0.6), (*crowd(9)[:1], torch.zeros(9), torch.zeros(9).long())):
        assert torch.equal(program(*given), Suppress()(*given))


def test_a_detector_of_fixed_size_is_exported() -> None:
    assert_program_agrees(ssd().eval(), ((60, 80), (100, 64), (49, 50)), found=True)


@pytest.mark.slow
@TINY
@pytest.mark.parametrize("threshold", [0.0, 1.0], ids=["many", "none"])
def test_tiny_detectors_are_exported(detector: Any, threshold: float) -> None:
    model = spread(detector(score_thresh=threshold)).eval()
    assert_program_agrees(model, ((60, 80), (100, 64), (49, 50)), found=threshold == 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_is_exported(name: str) -> None:
    assert_program_agrees(filled(name), SIZES, found=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", DETECTORS)
def test_every_exported_detector_may_find_nothing(name: str) -> None:
    arguments = {"score_thresh": 1.0} if not name.startswith(RCNN) else {"box_score_thresh": 1.0}
    kwargs = record_of("outputs", name, "none")["kwargs"]
    assert_program_agrees(build_as(name, "none", **{**kwargs, **arguments}), SIZES[:2], found=False)


@pytest.mark.slow
def test_a_program_that_was_saved_needs_no_zoo(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, images = fcos(max_size=80).eval(), [torch.rand(3, 100, 64)]
    torch.export.save(exported(model), tmp_path / "detector.pt2")
    with torch.no_grad():
        torch.save((images, model(images)), tmp_path / "example.pt")
    code = """
import sys, torch
images, (expected,) = torch.load("example.pt")
(found,) = torch.export.load("detector.pt2").module()(images)
assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
print([name for name in sys.modules if name.startswith("zoo_")])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
