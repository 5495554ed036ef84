"""Inputs in memory: taken like files, named by their place, refused where they are ambiguous."""

import io
import logging
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import zoo_core
import zoo_digits
from zoo_core.cli import main
from zoo_core.images import ImageError, read_image
from zoo_core.prediction import Failure, PredictionJob, find_sources, load_predictor, predict

MODEL = "shufflenet_v2_x0_5_digits"
SAMPLES = sorted((Path(zoo_digits.__path__[0]) / "samples").iterdir())


@pytest.fixture(scope="module")
def predictor():
    return load_predictor(MODEL, topk=1)


@pytest.fixture(scope="module")
def array():
    return np.asarray(read_image(SAMPLES[0]))


KINDS = {
    "image": Image.fromarray,
    "image not decoded yet": lambda _: Image.open(SAMPLES[0]),
    "bytes": lambda _: SAMPLES[0].read_bytes(),
    "bytearray": lambda _: bytearray(SAMPLES[0].read_bytes()),
    "memoryview": lambda _: memoryview(SAMPLES[0].read_bytes()),
    "file": lambda _: io.BytesIO(SAMPLES[0].read_bytes()),
    "array": lambda array: array,
    "array of RGBA": lambda array: np.dstack([array, np.full_like(array[..., :1], 255)]),
    "array, grey": lambda array: array[..., 0],
    "array, one channel": lambda array: array[..., :1],
    "array, flipped twice": lambda array: np.ascontiguousarray(array[:, ::-1])[:, ::-1],
    "float16": lambda array: (array / 255).astype(np.float16),
    "float32": lambda array: (array / 255).astype(np.float32),
    "float64": lambda array: array / 255,
    "tensor": lambda array: torch.tensor(array).permute(2, 0, 1),
    "tensor, grey": lambda array: torch.tensor(array)[..., 0],
    "tensor, bfloat16": lambda array: (torch.tensor(array).permute(2, 0, 1) / 255).bfloat16(),
    "tensor with gradient": lambda array: (torch.tensor(array).permute(2, 0, 1) / 255).requires_grad_(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_input_in_memory_is_taken_like_its_file(predictor, array, kind):
    (expected,) = predictor(SAMPLES[0])
    (found,) = predictor(KINDS[kind](array))
    assert found.source == "<image 1>"
    assert found.top[0].label == expected.top[0].label
    assert found.top[0].score == pytest.approx(expected.top[0].score, abs=1e-2 if "bfloat16" in kind else 1e-6)


def test_inputs_in_memory_are_named_by_their_place_among_all(predictor, array):
    mixed = [SAMPLES[0], array, str(SAMPLES[1]), SAMPLES[1].read_bytes(), Image.open(SAMPLES[2])]
    found = predictor(mixed, batch_size=2, workers=2)
    assert [one.source for one in found] == [str(SAMPLES[0]), "<image 2>", str(SAMPLES[1]), "<image 4>", "<image 5>"]
    places = [0, 0, 1, 1, 2]
    assert [one.top for one in found] == [predictor(SAMPLES[place])[0].top for place in places]


@pytest.mark.parametrize("workers", [0, 2])
def test_files_and_images_that_a_generator_closes_behind_itself_have_been_read(predictor, workers):
    def opened():
        for sample in SAMPLES[:3]:
            with sample.open("rb") as file:
                yield file
            with Image.open(sample) as image:
                yield image

    found = list(predictor.stream(opened(), batch_size=4, workers=workers))
    expected = [one.top for sample in SAMPLES[:3] for one in predictor([sample, sample])]
    assert [one.top for one in found] == expected


def test_one_image_may_be_there_many_times(predictor):
    image = Image.open(SAMPLES[0])
    assert len({one.top for one in predictor([image] * 9, batch_size=3, workers=3)}) == 1


def test_orientation_of_an_opened_photo_is_applied_as_for_its_file(tmp_path):
    photo = Image.new("RGB", (8, 4))
    exif = photo.getexif()
    exif[0x0112] = 6
    photo.save(tmp_path / "photo.jpg", exif=exif)
    with Image.open(tmp_path / "photo.jpg") as opened:
        assert read_image(opened).size == read_image(tmp_path / "photo.jpg").size == (4, 8)


def test_opened_image_stays_as_it_is(array):
    image = Image.fromarray(array)
    assert read_image(image) is not image


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (np.zeros((3, 8, 9), np.uint8), r"\(H, W, C\), found \(3, 8, 9\).*transpose\(1, 2, 0\)"),
        (torch.zeros(8, 9, 3), r"\(C, H, W\), found \(8, 9, 3\).*permute\(2, 0, 1\)"),
        (torch.zeros(2, 3, 8, 9), "as a list, `list\\(batch\\)`"),
        (np.zeros(5, np.uint8), r"found \(5,\)"),
        (np.zeros((0, 8, 3), np.uint8), "no pixels"),
        (np.zeros((8, 8, 2), np.uint8), "C should be 1 or 3 or 4"),
        (np.zeros((8, 8, 3), np.int64), "uint8 .* floating point .*, found int64"),
        (np.zeros((8, 8), bool), "found bool"),
        (np.zeros((8, 8), ">f4"), "found >f4"),
        (np.full((8, 8, 3), 255.0), "from 255 to 255: divide"),
        (torch.full((3, 8, 8), -2.0), "from -2 to -2.*before they are normalised"),
        (np.full((8, 8), np.nan), "nan"),
        (b"nothing", "not an image"),
        (b"", "empty"),
        (io.StringIO("text"), "opened as text"),
        (Image.new("F", (4, 4)), "no known range"),
        (Image.new("RGB", (0, 4)), "one pixel"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else type(value).__name__,
)
def test_ambiguous_or_broken_input_fails_alone_and_says_what_to_do(predictor, array, wrong, said):
    good, failure, other = predictor([array, wrong, array], workers=2)
    assert isinstance(failure, Failure)
    assert failure.error.startswith("<image 2>: ")
    with pytest.raises(ValueError, match=said):
        raise ValueError(failure.error)
    assert good.top == other.top


def test_closed_file_and_image_fail_alone(predictor, array):
    closed = io.BytesIO()
    closed.close()
    with Image.open(SAMPLES[0]) as image:
        pass
    found = predictor([closed, image, array])
    assert [isinstance(one, Failure) for one in found] == [True, True, False]


def test_opened_image_beyond_the_limit_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setenv("ZOO_MAX_PIXELS", "50")
    with pytest.raises(ImageError, match="ZOO_MAX_PIXELS"):
        read_image(Image.new("RGB", (8, 8)))


@pytest.mark.parametrize("wrong", [5, None, object()], ids=["number", "None", "object"])
def test_what_is_no_input_is_a_type_error_before_anything_is_loaded(wrong):
    with pytest.raises(TypeError, match=r"Expected a path, bytes, .* or an iterable of them, found"):
        PredictionJob(sources=wrong, model=MODEL)


@pytest.mark.parametrize("wrong", [5, [SAMPLES[0], SAMPLES[1]]], ids=["number", "list"])
def test_what_is_no_input_in_a_list_is_a_type_error_that_names_its_place(predictor, wrong):
    with pytest.raises(TypeError, match="<image 2> should be a path"):
        predictor([SAMPLES[0], wrong])


URLS = ["https://photos.example/a.jpg?size=2", "s3://bucket/a.jpg", "file:///photos/a.jpg", "hf://lab/photos/a.jpg"]


@pytest.mark.parametrize("kind", [str, Path], ids=["text", "Path"])
@pytest.mark.parametrize("url", URLS)
def test_url_is_named_unharmed_with_what_to_do_instead(url, kind):
    with pytest.raises(ValueError, match=r"is a URL, .* download it first") as error:
        PredictionJob(sources=[SAMPLES[0], kind(url)], model=MODEL)
    assert str(error.value).startswith(url.replace("///", "//") if kind is Path else url)


def test_url_is_named_unharmed_on_the_command_line():
    result = CliRunner().invoke(main, ["predict", URLS[0], "--model", MODEL])
    assert result.exit_code == 2
    assert f"{URLS[0]} is a URL" in result.stderr
    assert "weights" not in result.stderr  # nothing has been loaded


def test_long_data_url_is_shortened():
    with pytest.raises(ValueError, match="is a URL") as error:
        predict("data:image/png;base64," + "A" * 10_000, model=MODEL)
    assert len(str(error.value)) < 500


def test_url_of_a_generator_is_an_error_at_its_turn(predictor):
    predictions = predictor.stream(iter([SAMPLES[0], URLS[0]]), batch_size=1)
    assert next(predictions).top
    with pytest.raises(ValueError, match="is a URL"):
        next(predictions)


def test_file_whose_name_looks_like_a_url_is_a_file(tmp_path, monkeypatch, predictor):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cam:").mkdir()
    (tmp_path / "cam:" / "a.png").write_bytes(SAMPLES[0].read_bytes())
    (found,) = predictor("cam://a.png")
    assert found.top


def test_two_inputs_in_a_tuple_are_a_pair_and_others_go_with_the_next(array):
    inputs = [(array, SAMPLES[0]), (SAMPLES[1], array), array, SAMPLES[2], array]
    sources = list(find_sources(inputs, "image pairs"))
    assert list(map(str, sources)) == [
        f"<image 1> -> {SAMPLES[0]}",
        f"{SAMPLES[1]} -> <image 4>",
        f"<image 5> -> {SAMPLES[2]}",
        f"{SAMPLES[2]} -> <image 7>",
    ]
    assert sources[1].files == (SAMPLES[1], array)


def test_results_file_refuses_what_has_no_path(tmp_path, array):
    job = PredictionJob(sources=[array], model=MODEL, output=tmp_path / "results.jsonl")
    with pytest.raises(ValueError, match="<image 1> is in memory: an output file goes on by the paths"):
        list(job.stream())


def test_picture_of_an_input_in_memory_has_a_name_that_every_system_takes(tmp_path, array):
    list(PredictionJob(sources=[array], model=MODEL, save=tmp_path / "drawn").stream())
    assert [path.name for path in (tmp_path / "drawn").iterdir()] == ["image 1.png"]


def test_predictor_is_called_from_several_threads(predictor):
    expected = [one.top for one in predictor(SAMPLES)]
    found = {}

    def call(number):
        found[number] = [one.top for one in predictor(SAMPLES, batch_size=number + 1)]

    threads = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for tops in found.values():
        assert [top[0].label for top in tops] == [top[0].label for top in expected]
        assert [top[0].score for top in tops] == pytest.approx([top[0].score for top in expected])
    assert len(found) == 4


def test_without_a_model_the_embedded_one_predicts_and_the_log_says_so(caplog, array):
    with caplog.at_level(logging.WARNING, logger="zoo"):
        (found,) = zoo_core.predict(array, topk=1)
    assert found.top
    assert f"No model was chosen: {MODEL} is taken" in caplog.text
    assert "model='resnet50'" in caplog.text


def test_without_a_model_and_an_embedded_one_the_error_says_how_to_choose(monkeypatch, array):
    monkeypatch.setattr("zoo_core.prediction._predict.embedded_model", lambda **_: None)
    with pytest.raises(ValueError, match="Choose a model, as in model='resnet50'"):
        zoo_core.predict(array)


def test_inputs_in_memory_need_no_numpy():
    code = f"""
import sys, warnings
sys.modules["numpy"] = None
warnings.filterwarnings("ignore", "Failed to initialize NumPy")
import torch
from PIL import Image
from zoo_core.prediction import load_predictor

class Array:
    shape, dtype = (64, 64), "uint8"

    def __array__(self):
        return memoryview(bytes(64 * 64)).cast("B", self.shape)

black = [Array(), Image.new("L", (64, 64)), torch.zeros(64, 64), torch.zeros(3, 64, 64, dtype=torch.uint8)]
print(len({{prediction.top for prediction in load_predictor({MODEL!r})(black, batch_size=1)}}))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (found.stdout.strip(), found.returncode) == ("1", 0), found.stderr


def test_checking_a_job_imports_neither_torch_nor_pillow():
    code = (
        "import sys; from zoo_core.prediction import PredictionJob;"
        f"PredictionJob(sources=['a.png', b'bytes'], model={MODEL!r});"
        "print([name for name in ('torch', 'PIL.Image', 'numpy') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
