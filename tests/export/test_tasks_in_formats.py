"""Small networks of all tasks, as files in other runtimes, on all cases of the certificate."""

from pathlib import Path

import numpy as np
import pytest
import torch

from zoo_export import ExportError, Facts, Program, load_exported
from zoo_export._recording import record, with_lengths
from zoo_export.certificate._cases import cases
from zoo_export.formats import FORMATS, get_format
from zoo_export.programs.detection import DetectionProgram
from zoo_export.programs.video import VideoProgram

from .tiny import TINY, needs_new_torch, program_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # the converters' are about themselves
    needs_new_torch,
]


SIZE = (72, 90)
"""Height and width of inputs of one size."""


def write(program: Program, to: str, path: Path) -> dict[str, int]:
    """Write a small network in a format, and return the axes that have one length."""
    form, name = get_format(to), path.stem
    try:
        form.require_writing("float32")
    except ExportError as error:
        pytest.skip(str(error))
    lengths = {} if form.any_length else {"batch": 1, "height": SIZE[0], "width": SIZE[1]}
    inputs, outputs = (with_lengths(each, lengths) for each in (program.inputs, program.outputs))
    facts = Facts(
        format=to, model=name, architecture=name, task=name, weights=None, sha256=None, license="MIT", raw=False,
        inputs=inputs, outputs=outputs, categories=None, preprocessing={},
    )  # fmt: skip
    recorded = record(program) if form.any_length else record(program, fixed=program.dynamic, size=SIZE)
    form.write(recorded, facts, path)
    return lengths


@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize("name", TINY)
def test_files_give_what_models_give(name: str, to: str, tmp_path: Path) -> None:
    program = program_of(name)
    if to == "executorch" and isinstance(program, DetectionProgram | VideoProgram):
        pytest.skip("how many objects there are is not known ahead, and convolutions have two dimensions")
    path = tmp_path / f"{name}{get_format(to).suffix}"
    lengths = write(program, to, path)
    exported = load_exported(path)
    for what, inputs in cases(program, lengths):
        with torch.inference_mode():
            expected = program.reference(inputs)
        found = exported(*(each.numpy() for each in inputs)).values()
        difference, agrees = program.compare([torch.from_numpy(np.array(each)) for each in found], expected)
        assert agrees, what
        assert difference <= program.tolerance, what


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("retinanet", "how long boxes, scores, labels of retinanet are depends on the picture"),
        ("video", r"video has aten\.conv3d.*, and ExecuTorch convolves in two dimensions at most"),
    ],
)
def test_what_executorch_has_no_form_for_is_refused(name: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=text):
        write(program_of(name), "executorch", tmp_path / f"{name}.pte")


def test_inputs_of_any_size_are_refused_for_executorch(tmp_path: Path) -> None:
    program = program_of("segmentation")
    form = get_format("executorch")
    if form.missing:
        pytest.skip("executorch not installed")
    facts = Facts(
        format="executorch", model="tiny", architecture="tiny", task="tiny", weights=None, sha256=None, license="MIT",
        raw=False, inputs=program.inputs, outputs=program.outputs, categories=None, preprocessing={},
    )  # fmt: skip
    with pytest.raises(ExportError, match="take inputs of one size, and batch, height, width of tiny may be of any"):
        form.write(record(program), facts, tmp_path / "tiny.pte")
