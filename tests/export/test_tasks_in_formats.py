"""Small networks of all tasks, as files in other runtimes, on all cases of the certificate."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from zoo_detection.foundation.tracing import TELLS_EXPORT_APART
from zoo_export import Facts, load_exported
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


def size_in_single_precision(transform: Any, height: int, width: int) -> tuple[int, int]:
    """Return the height and width that OpenVINO resizes a picture to, as docs/export.md says."""
    if transform.fixed_size is not None:
        return transform.fixed_size[1], transform.fixed_size[0]
    shorter = np.float32(transform.min_size[-1]) / np.float32(min(height, width))
    scale = min(shorter, np.float32(transform.max_size) / np.float32(max(height, width)))
    found = [max(int(np.float32(side) * scale), 1) for side in (height, width)]
    return found[0], found[1]


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
    if to == "openvino" and isinstance(program, DetectionProgram):
        transform: Any = program.model.transform
        transform.resized_size = partial(size_in_single_precision, transform)
    for what, inputs in cases(program):
        with torch.inference_mode():
            expected = program.reference(inputs)
        found = exported(*(each.numpy() for each in inputs)).values()
        difference, agrees = program.compare([torch.from_numpy(np.array(each)) for each in found], expected)
        assert agrees, what
        assert difference <= program.tolerance, what
