"""int8: which pictures it needs, what it is judged by, and what comes out of each format that can."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zoo_core.prediction import PredictionJob
from zoo_digits.held_out import load_split
from zoo_evaluation import evaluate
from zoo_export import Certificate, CertificateError, ExportError, _export, export, load_exported, verify
from zoo_export._calibration import FEWEST, JUDGED, MOST, Pictures
from zoo_export.certificate import certificate_path
from zoo_export.certificate._agreement import agreement
from zoo_export.certificate._certificate import Compared
from zoo_export.formats import FORMATS, get_format

from .makers import DIGITS
from .tiny import needs_new_torch, program_of

pytestmark = pytest.mark.filterwarnings("ignore")  # the converters' are about themselves
ABLE = [name for name in FORMATS if get_format(name).quantizer]


def write_pictures(folder: Path, count: int) -> Path:
    for number in range(count):
        (folder / str(number % 3)).mkdir(parents=True, exist_ok=True)
        Image.new("L", (10 + number % 2, 8), number % 256).save(folder / str(number % 3) / f"{number:04}.png")
    return folder


def test_pictures_to_judge_on_are_others_than_those_for_ranges(tmp_path):
    pictures = Pictures.of(write_pictures(tmp_path / "few", FEWEST))
    assert (len(pictures.ranges), len(pictures.judged)) == (48, 16)
    assert not set(pictures.ranges) & set(pictures.judged)
    assert pictures.facts()["of"] == "few"


def test_of_many_pictures_some_of_every_folder_are_taken(tmp_path):
    pictures = Pictures.of(write_pictures(tmp_path, 600))
    assert (len(pictures.ranges), len(pictures.judged)) == (MOST, JUDGED)
    counts = [sum(path.parent.name == name for path in pictures.ranges) for name in "012"]
    assert counts == [100, 100, 100]


def test_what_a_file_says_of_its_pictures_changes_with_their_content(tmp_path):
    folder = write_pictures(tmp_path, FEWEST)
    before = Pictures.of(folder).facts()
    Image.new("L", (9, 9)).save(Pictures.of(folder).ranges[5])
    after = Pictures.of(folder).facts()
    assert before["sha256"] != after["sha256"]
    assert before | after == after


def test_pictures_are_given_as_the_file_takes_them(tmp_path):
    pictures = Pictures.of(write_pictures(tmp_path, FEWEST))
    program = program_of("classification")
    own = {tuple(inputs[0].shape) for inputs in pictures.inputs(program, {})}
    assert own == {(1, 8, 10, 3), (1, 8, 11, 3)}
    inputs = pictures.inputs(program, {"height": 20, "width": 30})
    assert [{tuple(each[0].shape) for each in inputs} for _ in range(2)] == [{(1, 20, 30, 3)}] * 2
    assert {one[0].shape for _, one in pictures.cases(program_of("classification", raw=True), {})} == {(1, 3, 20, 20)}


@pytest.mark.parametrize(
    ("to", "arguments", "error", "text"),
    [
        ("onnx", {"precision": "int8"}, ValueError, "int8 needs a folder of pictures .* --calibrate FOLDER. 'noise'"),
        ("pt2", {"calibration": "noise"}, ValueError, "are for int8, and this is float32"),
        ("onnx", {"precision": "int8", "calibration": "none/"}, FileNotFoundError, "none"),
        ("pt2", {"precision": "int8", "calibration": "noise"}, ExportError, "in onnx, openvino, executorch, found pt2"),
        ("aoti", {"precision": "int8", "calibration": "noise"}, ExportError, "found aoti"),
        ("executorch", {}, ValueError, "executorch take inputs of one size: give size="),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_built(to, arguments, error, text, tmp_path, monkeypatch):
    monkeypatch.setattr(_export, "built_model", None)
    monkeypatch.setattr(type(get_format(to)), "needs", ())
    with pytest.raises(error, match=text):
        export(DIGITS, to, tmp_path / f"new{get_format(to).suffix}", **arguments)


def test_too_few_pictures_are_refused(tmp_path):
    folder = write_pictures(tmp_path / "pictures", FEWEST - 1)
    with pytest.raises(ValueError, match=f"at least {FEWEST} pictures .*; found {FEWEST - 1} in .*pictures"):
        export(DIGITS, "onnx", tmp_path / "new.onnx", precision="int8", calibration=folder)


def test_a_quantizer_that_is_not_here_is_told(monkeypatch):
    form = get_format("openvino")
    monkeypatch.setattr(type(form), "needs", ())
    monkeypatch.setattr(type(form), "quantizer_needs", ("no_such_module",))
    form.require_writing("float32")
    with pytest.raises(ExportError, match=r"needs no_such_module: pip install 'zoo-export\[int8\]'"):
        form.require_writing("int8")


@pytest.mark.parametrize(("name", "taken"), [("video", "clips"), ("flow", "image1, image2")])
def test_what_is_no_single_picture_is_not_quantized(name, taken):
    with pytest.raises(ExportError, match=f"{name} takes {taken}"):
        _export._check_takes_pictures(name, program_of(name))


@pytest.mark.parametrize("name", ["classification", "segmentation", pytest.param("maskrcnn", marks=needs_new_torch)])
def test_what_is_a_single_picture_may_be(name):
    _export._check_takes_pictures(name, program_of(name))


def facts_of(name, digits_file, **options):
    program = program_of(name, **options)
    facts = get_format("pt2").facts(digits_file)
    return replace(facts, categories=tuple("abcd"), outputs=program.outputs, raw=program.raw)


def test_labels_agree_where_the_most_probable_class_is_the_same(digits_file):
    facts = facts_of("classification", digits_file)
    one = {"probabilities": torch.tensor([[0.7, 0.3, 0, 0], [0.4, 0.6, 0, 0]])}
    other = {"probabilities": torch.tensor([[0.6, 0.4, 0, 0], [0.6, 0.4, 0, 0]])}
    assert agreement(one, other, facts) == (0.5, pytest.approx(0.15))


def test_scores_are_compared_as_probabilities_class_by_class(digits_file):
    facts = facts_of("segmentation", digits_file, raw=True)
    scores = torch.zeros(1, 4, 1, 2)
    scores[0, 1] = 50
    others = scores.clone()
    others[0, 2, 0, 0] = 100
    assert agreement({"scores": scores}, {"scores": others}, facts) == (0.5, pytest.approx(0.5))


def test_label_maps_agree_pixel_by_pixel(digits_file):
    facts = facts_of("segmentation", digits_file)
    labels = torch.tensor([[[0, 1, 2, 3]]], dtype=torch.uint8)
    assert agreement({"labels": labels}, {"labels": labels.clamp(max=2)}, facts) == (0.75, 0.25)
    assert agreement({"labels": labels}, {"labels": labels[..., :2]}, facts) == (0.0, 1.0)


def objects(*rows):
    numbers = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
    return {"boxes": numbers[:, :4], "scores": numbers[:, 4], "labels": numbers[:, 5].long()}


@needs_new_torch
def test_objects_agree_by_class_and_place_if_one_is_sure_of_them(digits_file):
    facts = facts_of("maskrcnn", digits_file)
    expected = objects((0, 0, 10, 10, 0.9, 1), (20, 20, 30, 30, 0.8, 1), (0, 0, 5, 5, 0.3, 2))
    assert agreement(objects((1, 0, 10, 10, 0.8, 1), (20, 20, 30, 30, 0.8, 1)), expected, facts) == (
        1.0,
        pytest.approx(0.05),
    )
    assert agreement(objects((1, 0, 10, 10, 0.9, 2), (20, 20, 30, 30, 0.8, 1)), expected, facts)[0] == 0.5
    assert agreement(objects((0, 0, 10, 10, 0.9, 1), (0, 0, 10, 10, 0.9, 1)), expected, facts)[0] == 0.5
    assert agreement(objects(), objects(), facts) == (1.0, 0.0)
    assert agreement(objects(), expected, facts)[0] == 0.0


def test_a_certificate_of_int8_holds_by_labels_and_average_differences(tiny_file):
    found = replace(Certificate.read(certificate_path(tiny_file)), least_agreement=0.9, tolerance=0.1)
    right, wrong = Compared("a", 0.02, True, 1.0), Compared("b", 0.5, False, 0.0)
    assert replace(found, inputs=(*[right] * 9, wrong)).holds
    assert not replace(found, inputs=(*[right] * 8, wrong)).holds
    assert not replace(found, inputs=(Compared("c", 0.2, True, 1.0),) * 10).holds
    assert (
        "90.0% of the labels agree on 10 inputs (90% have to)" in replace(found, inputs=(*[right] * 9, wrong)).summary()
    )


@pytest.fixture(scope="module")
def held_out(tmp_path_factory):
    """The held-out digits in folders of their classes."""
    folder = tmp_path_factory.mktemp("digits")
    _, test = load_split()
    names = PredictionJob(sources=".", model=DIGITS).entry.meta["categories"]
    for number, (image, label) in enumerate(zip(test.images, test.labels, strict=True)):
        (folder / names[label]).mkdir(exist_ok=True)
        image.save(folder / names[label] / f"{number}.png")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("to", ABLE)
def test_digits_are_read_as_well_in_int8(to, held_out, tmp_path):
    form = get_format(to)
    try:
        form.require_writing("int8")
    except ExportError as error:
        pytest.skip(str(error))
    path, plain = (tmp_path / f"{name}{form.suffix}" for name in ("int8", "float32"))
    size = None if form.any_length else (64, 64)
    exported = export(DIGITS, to, path, precision="int8", calibration=held_out, size=size)
    export(DIGITS, to, plain, certificate=False, size=size)
    assert exported.facts.precision == "int8"
    assert exported.facts.quantization["how"] == form.quantizer
    assert exported.facts.quantization["calibration"]["pictures"] == 270
    one, other = (sum(file.stat().st_size for file in form.files(each)) for each in (path, plain))
    assert one < 0.65 * other
    assert Certificate.read(certificate_path(path)).agreement > 0.95
    assert verify(path, calibration=held_out).holds
    with pytest.raises(ValueError, match="--calibrate FOLDER"):
        verify(path)
    record = evaluate(str(path), held_out, output=tmp_path / "run")
    assert record["acc@1"] > 98


@pytest.mark.slow
@pytest.mark.skipif(bool(get_format("onnx").missing), reason="needs onnxruntime")
def test_ranges_of_other_pictures_are_found_out(held_out, tmp_path, monkeypatch):
    dark = write_pictures(tmp_path / "dark", FEWEST)
    for path in dark.rglob("*.png"):
        Image.new("L", (64, 64)).save(path)
    cases = Pictures.cases
    monkeypatch.setattr(Pictures, "cases", lambda _self, *arguments: cases(Pictures.of(held_out), *arguments))
    with pytest.raises(CertificateError, match="Calibrate with more pictures"):
        export(DIGITS, "onnx", tmp_path / "dark.onnx", precision="int8", calibration=dark)
    assert not (tmp_path / "dark.onnx").exists()


@pytest.mark.slow
@pytest.mark.skipif(bool(get_format("onnx").missing), reason="needs onnxruntime")
def test_only_the_network_is_quantized(held_out, tmp_path):
    import onnx

    export(DIGITS, "onnx", tmp_path / "a.onnx", precision="int8", calibration=held_out, size=(90, 70))
    graph = onnx.load(tmp_path / "a.onnx").graph
    made_by = {name: node for node in graph.node for name in node.output}
    resizing = [node for node in graph.node if node.op_type == "MatMul"]
    assert len(resizing) == 2
    before = {made_by[name].op_type for node in resizing for name in node.input if name in made_by}
    assert before
    assert "DequantizeLinear" not in before
    network = [node for node in graph.node if node.op_type in {"Conv", "Gemm"}]
    assert all(made_by[node.input[1]].op_type == "DequantizeLinear" for node in network)
    zero = np.zeros((1, 90, 70, 3), dtype=np.uint8)
    assert load_exported(tmp_path / "a.onnx")(zero)["probabilities"].dtype == "float32"
