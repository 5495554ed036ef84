"""Exported detectors run in ONNX Runtime, on images of other sizes, with what they found in PyTorch.

Run by `nox -s onnx`, which installs what this needs.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from .one_stage.test_dense_detectors import fcos, retinanet, spread, ssd
from .test_export import SIZES, exported, filled

pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # the converter's warnings are about itself
ONE_OF_EACH_KIND = [
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "fcos_resnet50_fpn",
    "retinanet_resnet50_fpn",
    "ssdlite320_mobilenet_v3_large",
]


class Session:
    """A detector in ONNX Runtime.

    Args:
        model: The detector.
        path: Where the file goes.
    """

    def __init__(self, model: nn.Module, path: Path) -> None:
        program = torch.onnx.export(exported(model), dynamo=True, verbose=False)
        assert program is not None
        program.save(path)
        self.session = onnxruntime.InferenceSession(path)

    def __call__(self, image: Tensor, names: list[str]) -> dict[str, Tensor]:
        """Detect objects in an image; `names` are those of the results, in their order."""
        (given,) = self.session.get_inputs()
        results = self.session.run(None, {given.name: image.numpy()})
        return dict(zip(names, map(torch.from_numpy, results), strict=True))


def share_found(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    """Return the share of the detections expected that were found, in whatever order: rounding swaps neighbours."""
    same = found["labels"] == expected["labels"][:, None]
    same &= (found["scores"] - expected["scores"][:, None]).abs() <= 5e-3  # synthetic parameters show rounding
    same &= (found["boxes"] - expected["boxes"][:, None]).abs().amax(dim=2) <= 0.1
    return same.any(dim=1).double().mean().item() if len(expected["scores"]) else 1.0


@pytest.mark.parametrize("detector", [retinanet, fcos, ssd])
@pytest.mark.parametrize("threshold", [0.0, 1.0], ids=["many", "none"])
def test_tiny_detectors_find_the_same_in_onnx_runtime(detector: Any, threshold: float, tmp_path: Path) -> None:
    model = spread(detector(score_thresh=threshold, detections_per_img=20)).eval()
    session = Session(model, tmp_path / "detector.onnx")
    for size in ((60, 80), (100, 64), (50, 60)):  # where single precision gives the same sizes
        image = torch.rand(3, *size)
        with torch.inference_mode():
            (expected,) = model([image])
        assert (len(expected["scores"]) > 0) == (threshold == 0.0)
        found = session(image, list(expected))
        assert len(found["scores"]) == len(expected["scores"])
        assert share_found(found, expected) >= 0.9


@pytest.mark.parametrize("name", ONE_OF_EACH_KIND)
def test_one_of_each_kind_finds_the_same_in_onnx_runtime(name: str, tmp_path: Path) -> None:
    model = filled(name)
    session = Session(model, tmp_path / "detector.onnx")
    for size in SIZES:
        image = torch.rand(3, *size)
        with torch.inference_mode():
            (expected,) = model([image])
        assert len(expected["scores"]) > 0
        found = session(image, list(expected))
        assert len(found["scores"]) == len(expected["scores"])
        assert share_found(found, expected) >= 0.9
