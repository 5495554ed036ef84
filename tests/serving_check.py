"""Exported ONNX files at work without zoo: alone, and in the servers of examples/. Run by `nox -s serving`."""

import ast
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

import zoo_digits
from detection.one_stage.test_dense_detectors import retinanet, spread
from export.makers import DIGITS
from run_onnx import as_rgb
from write_triton_repository import main as write_repository
from zoo_core import get_model_weights
from zoo_core.images import read_image
from zoo_core.prediction import load_predictor
from zoo_detection.prediction import DetectionPredictor
from zoo_export import export

EXAMPLES = Path(__file__).parents[1] / "examples"
SAMPLES = Path(str(zoo_digits.__file__)).parent / "samples"
ALONE = os.environ["PYTHON_WITH_ONNXRUNTIME_ALONE"]
SERVERS = [f"serve_with_{name}" for name in ("kserve", "litserve", "ray")]
SECONDS_TO_START = 300
LINES = 30
ORIENTATION = 0x0112

pytestmark = pytest.mark.filterwarnings("ignore")  # the converter's are about itself


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model."""
    return export(DIGITS, "onnx", tmp_path_factory.mktemp("exported") / "digits.onnx", certificate=False).path


@pytest.fixture(scope="module")
def detector() -> Any:
    """A small detector that finds much."""
    torch.manual_seed(0)
    return spread(retinanet(score_thresh=0.0, detections_per_img=20)).eval()


@pytest.fixture(scope="module")
def boxes(detector: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its file."""
    path = tmp_path_factory.mktemp("exported") / "boxes.onnx"
    return export("retinanet_resnet50_fpn", "onnx", path, network=detector, certificate=False).path


@pytest.fixture(scope="module")
def expected() -> list[dict[str, Any]]:
    """What zoo says of the picture of a five."""
    predictor = load_predictor(DIGITS)
    (found,) = predictor.predict([predictor.preprocess(predictor.read([SAMPLES / "five.png"]))], ["five.png"])
    top: list[dict[str, Any]] = found.to_dict()["top"]
    return top


def check_classes(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert [each["label"] for each in found] == [each["label"] for each in expected]
    assert [each["score"] for each in found] == pytest.approx([each["score"] for each in expected], abs=1e-4)


def run_alone(*arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run examples/run_onnx.py where nothing but ONNX Runtime, NumPy and Pillow is installed."""
    command = [ALONE, "-I", str(EXAMPLES / "run_onnx.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def test_neither_torch_nor_zoo_is_where_files_run_alone() -> None:
    code = "from importlib.metadata import distributions as d; print(*sorted(each.name.lower() for each in d()))"
    found = subprocess.run([ALONE, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"numpy", "onnxruntime", "pillow"} <= set(found)
    assert [name for name in found if name.startswith(("torch", "zoo", "onnx")) and name != "onnxruntime"] == []


def test_a_classifier_prints_the_label_of_a_picture_alone(digits: Path, expected: list[dict[str, Any]]) -> None:
    done = run_alone(digits, SAMPLES / "five.png")
    assert done.stderr == ""
    assert [line.split()[1] for line in done.stdout.splitlines()] == [each["label"] for each in expected]
    assert done.stdout.splitlines()[0].endswith("%  five")
    check_classes(json.loads(run_alone(digits, SAMPLES / "five.png", "--json").stdout), expected)


@pytest.mark.parametrize("size", [(80, 60), (64, 100)])
def test_a_detector_prints_boxes_at_the_size_of_the_picture_alone(
    size: tuple[int, int], boxes: Path, detector: Any, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    pixels = torch.randint(0, 256, (*reversed(size), 3), dtype=torch.uint8)
    path = tmp_path / "picture.png"
    Image.fromarray(pixels.numpy()).save(path)
    weights = get_model_weights("retinanet_resnet50_fpn")["DEFAULT"]
    predictor = DetectionPredictor(detector, weights, min_score=0.1)
    (wanted,) = predictor.predict([predictor.preprocess(predictor.read([path]))], [path.name])
    found = json.loads(run_alone(boxes, path, "--json", "--min-score", 0.1).stdout)
    assert len(found) == len(wanted.objects) > 3
    for each in wanted.objects:
        assert any(
            each.label == other["label"]
            and np.allclose(each.box, other["box"], atol=0.1)
            and other["score"] == pytest.approx(each.score, abs=2e-3)
            for other in found
        ), each


def test_a_file_for_one_size_gives_boxes_at_the_size_of_the_picture(detector: Any, tmp_path: Path) -> None:
    path = tmp_path / "fixed.onnx"
    exported = export("retinanet_resnet50_fpn", "onnx", path, network=detector, certificate=False, size=(60, 80))
    picture = Image.effect_noise((160, 180), 90).convert("RGB")
    picture.save(tmp_path / "larger.png")
    expected = exported(np.asarray(picture.resize((80, 60), Image.Resampling.BILINEAR)))
    found = json.loads(run_alone(path, tmp_path / "larger.png", "--json", "--min-score", 0).stdout)
    assert len(found) > 3
    assert np.allclose([each["box"] for each in found], expected["boxes"] * (2, 3, 2, 3), atol=1e-3)


@pytest.mark.parametrize(
    ("options", "text"),
    [({"raw": True}, "export the model without --raw"), (None, "was not exported by zoo")],
    ids=["raw", "another's"],
)
def test_a_file_that_cannot_be_run_alone_is_refused_with_the_reason(
    options: dict[str, Any] | None, text: str, tmp_path: Path
) -> None:
    path = tmp_path / "file.onnx"
    if options is None:
        torch.onnx.export(torch.nn.Flatten(), (torch.zeros(1, 3),), dynamo=True, verbose=False).save(path)
    else:
        export(DIGITS, "onnx", path, certificate=False, **options)
    done = run_alone(path, SAMPLES / "five.png")
    assert done.returncode == 1
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_pictures_are_read_as_zoo_reads_them(tmp_path: Path) -> None:
    grey = Image.linear_gradient("L")
    clear = Image.merge("RGBA", (grey, grey.rotate(90), grey, grey.rotate(180)))
    clear.save(tmp_path / "clear.png")
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # on its side
    grey.resize((30, 20)).save(tmp_path / "turned.png", exif=exif)
    for name in ("clear.png", "turned.png"):
        with Image.open(tmp_path / name) as picture:
            assert as_rgb(picture).tobytes() == read_image(tmp_path / name).tobytes()


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_is_a_page_of_code(name: str) -> None:
    text = (EXAMPLES / f"{name}.py").read_text()
    described = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = [node.body[0] for node in ast.walk(ast.parse(text)) if isinstance(node, described)]
    left_out = {line for node in docstrings for line in range(node.lineno, node.end_lineno + 1)}
    lines = [line for number, line in enumerate(text.splitlines(), 1) if line.strip() and number not in left_out]
    assert len(lines) <= LINES


def answer(url: str, content: bytes | None = None, kind: str = "application/octet-stream") -> Any:
    """Return what a server of this machine says, as JSON."""
    request = Request(url, content, {"Content-Type": kind})
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=60) as response:
            return json.load(response)
    except HTTPError as error:
        error.add_note(error.read().decode())
        raise


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def served(name: str, *arguments: object, ready: str, log: Path) -> Iterator[None]:
    """Start a server of examples/, wait until a URL of it answers something, and end it."""
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *map(str, arguments)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, cwd=log.parent, start_new_session=True
        )
    try:
        until = time.monotonic() + SECONDS_TO_START
        while not answers(ready):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        yield
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        try:
            process.wait(60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def answers(url: str) -> bool:
    try:
        return bool(answer(url))
    except (OSError, ValueError):  # not there yet, or not JSON
        return False


def form(picture: Path) -> tuple[bytes, str]:
    """Return a picture as browsers send it in a form, and the type of that."""
    head = 'Content-Disposition: form-data; name="picture"; filename="picture.png"\r\nContent-Type: image/png'
    content = b"--edge\r\n" + head.encode() + b"\r\n\r\n" + picture.read_bytes() + b"\r\n--edge--\r\n"
    return content, "multipart/form-data; boundary=edge"


def test_litserve_answers_a_picture_with_its_classes(
    digits: Path, expected: list[dict[str, Any]], tmp_path: Path
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with served("serve_with_litserve", digits, port, ready=f"{url}/info", log=tmp_path / "log.txt"):
        check_classes(answer(f"{url}/predict", *form(SAMPLES / "five.png")), expected)


def test_ray_serve_answers_a_picture_with_its_classes(
    digits: Path, expected: list[dict[str, Any]], tmp_path: Path
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with served("serve_with_ray", digits, port, ready=f"{url}/-/routes", log=tmp_path / "log.txt"):
        check_classes(answer(url, (SAMPLES / "five.png").read_bytes()), expected)


def tensors(described: Any) -> dict[str, tuple[str, list[int]]]:
    return {each["name"]: (each["datatype"], [int(length) for length in each["shape"]]) for each in described}


@pytest.mark.parametrize("name", ["digits", "boxes"])
def test_kserve_answers_by_the_open_inference_protocol(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    import tritonclient.grpc as triton

    file: Path = request.getfixturevalue(name)
    session = onnxruntime.InferenceSession(file)
    (taken,) = session.get_inputs()
    given = [each.name for each in session.get_outputs()]
    picture = np.asarray(Image.open(SAMPLES / "five.png").convert("RGB").resize((80, 60)))
    pixels = picture[None] if name == "digits" else picture
    expected = dict(zip(given, session.run(None, {taken.name: pixels}), strict=True))

    http, grpc = free_port(), free_port()
    model = f"http://127.0.0.1:{http}/v2/models/{name}"
    arguments = (file, "--model_name", name, "--http_port", http, "--grpc_port", grpc)
    with served("serve_with_kserve", *arguments, ready=model, log=tmp_path / "log.txt"):
        told = answer(model)
        assert tensors(told["inputs"]) == {taken.name: ("UINT8", [-1] * (pixels.ndim - 1) + [3])}
        assert list(tensors(told["outputs"])) == given
        said = {"name": taken.name, "datatype": "UINT8", "shape": pixels.shape, "data": pixels.ravel().tolist()}
        content = json.dumps({"inputs": [said]}).encode()
        for each in answer(f"{model}/infer", content, "application/json")["outputs"]:
            values = np.reshape(each["data"], each["shape"])
            assert np.allclose(values, expected.pop(each["name"]), atol=1e-5)
        assert expected == {}

        client = triton.InferenceServerClient(f"127.0.0.1:{grpc}")
        assert tensors(client.get_model_metadata(name, as_json=True)["inputs"]) == tensors(told["inputs"])
        tensor = triton.InferInput(taken.name, pixels.shape, "UINT8")
        tensor.set_data_from_numpy(pixels)
        result = client.infer(name, [tensor])
        for output, values in zip(given, session.run(None, {taken.name: pixels}), strict=True):
            assert np.allclose(result.as_numpy(output), values, atol=1e-5)
        client.close()


TYPES = {"tensor(uint8)": "TYPE_UINT8", "tensor(float)": "TYPE_FP32", "tensor(int64)": "TYPE_INT64"}


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model, for one picture a call."""
    path = tmp_path_factory.mktemp("exported") / "one.onnx"
    return export(DIGITS, "onnx", path, fixed=["batch"], certificate=False).path


@pytest.mark.parametrize(("name", "batch"), [("digits", 8), ("one_by_one", 0), ("boxes", 0)])
def test_a_repository_of_triton_says_what_the_file_is(
    name: str, batch: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    from google.protobuf import text_format
    from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig

    file: Path = request.getfixturevalue(name)
    write_repository(str(file), str(tmp_path))
    folder = tmp_path / file.stem
    told = text_format.Parse((folder / "config.pbtxt").read_text("utf-8"), ModelConfig())
    assert (told.name, told.backend, told.max_batch_size) == (file.stem, "onnxruntime", batch)
    assert told.HasField("dynamic_batching") == (batch > 0)

    session = onnxruntime.InferenceSession(folder / "1" / "model.onnx")
    for described, tensors in ((told.input, session.get_inputs()), (told.output, session.get_outputs())):
        assert [each.name for each in described] == [each.name for each in tensors]
        assert [DataType.Name(each.data_type) for each in described] == [TYPES[each.type] for each in tensors]
        shapes = [[length if isinstance(length, int) else -1 for length in each.shape] for each in tensors]
        assert [[-1] * (batch > 0) + list(each.dims) for each in described] == shapes

    facts = json.loads(session.get_modelmeta().custom_metadata_map["zoo"])
    assert json.loads(told.parameters["zoo"].string_value) == facts
    assert (folder / "labels.txt").read_text("utf-8").splitlines() == facts["categories"]
    named = [each.name for each in told.output if each.label_filename == "labels.txt"]
    assert named == (["probabilities"] if name != "boxes" else [])


def test_weights_beside_a_file_come_into_the_repository_under_their_name(digits: Path, tmp_path: Path) -> None:
    large = tmp_path / "large.onnx"
    large.write_bytes(digits.read_bytes())
    (tmp_path / "large.onnx.data").write_bytes(b"weights")
    write_repository(str(large), str(tmp_path / "models"))
    assert sorted(path.name for path in (tmp_path / "models/large/1").iterdir()) == ["large.onnx.data", "model.onnx"]
