"""Small networks of all tasks, as files in other runtimes, on all cases of the certificate."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from zoo_detection.foundation.tracing import TELLS_EXPORT_APART
from zoo_export import Facts, Program, load_exported
from zoo_export._recording import record
from zoo_export.certificate._cases import cases
from zoo_export.formats import get_format
from zoo_export.programs.detection import DetectionProgram

from .tiny import TINY, program_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # the converters' are about themselves
    pytest.mark.skipif(not TELLS_EXPORT_APART, reason="detectors are exported from PyTorch 2.13 on"),
]


def is_comparable(program: Program, picture: Tensor) -> bool:
    """Tell whether rounding cannot decide what a network of random parameters finds.

    Runtimes compute in single precision what size a detector resizes a picture to. On a picture of one colour boxes
    have the same scores, and which of them suppress others is left to chance.
    """
    if not isinstance(program, DetectionProgram):
        return True
    if picture.min() == picture.max():
        return False
    transform: Any = program.model.transform
    height, width = picture.shape[:2]
    if transform.fixed_size is not None:
        return True
    shorter = np.float32(transform.min_size[-1]) / np.float32(min(height, width))
    scale = min(shorter, np.float32(transform.max_size) / np.float32(max(height, width)))
    found = tuple(int(np.float32(side) * scale) for side in (height, width))
    return found == transform.resized_size(height, width)


@pytest.mark.parametrize("to", ["pt2", "onnx", "openvino"])
@pytest.mark.parametrize("name", TINY)
def test_files_give_what_models_give(name: str, to: str, tmp_path: Path) -> None:
    form = get_format(to)
    if form.missing:
        pytest.skip(f"{', '.join(form.missing)} not installed")
    program = program_of(name)
    facts = Facts(
        format=to, model=name, architecture=name, task=name, weights=None, sha256=None, license="MIT", raw=False,
        inputs=program.inputs, outputs=program.outputs, categories=None, preprocessing={},
    )  # fmt: skip
    path = tmp_path / f"tiny{form.suffix}"
    form.write(record(program), facts, path)
    exported = load_exported(path)
    for what, inputs in cases(program):
        if to != "pt2" and not is_comparable(program, inputs[0]):
            continue
        with torch.inference_mode():
            expected = program.reference(inputs)
        found = exported(*(each.numpy() for each in inputs)).values()
        difference, agrees = program.compare([torch.from_numpy(np.array(each)) for each in found], expected)
        assert agrees, what
        assert difference <= program.tolerance, what
