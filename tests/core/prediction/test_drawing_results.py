"""Results that draw themselves: from files and memory, in notebooks, and when the input is gone."""

import copy
import gc
import io
import pickle
import weakref
from pathlib import Path

import pytest
from PIL import Image

import zoo_digits
from zoo_core.prediction import Classification, Failure, ScoredLabel, load_predictor, predict
from zoo_core.prediction._origin import Kept

MODEL = "shufflenet_v2_x0_5_digits"
SAMPLE = sorted((Path(zoo_digits.__path__[0]) / "samples").iterdir())[0]


@pytest.fixture(scope="module")
def predictor():
    return load_predictor(MODEL, topk=1)


@pytest.fixture
def photo(tmp_path):
    return Path(Image.open(SAMPLE).copy().save(tmp_path / "photo.png") or tmp_path / "photo.png")


def test_prediction_draws_itself_from_its_file_and_from_memory(predictor, photo):
    expected = predictor.draw(predictor.read([photo]), predictor(photo)[0]).tobytes()
    for given in (photo, Image.open(photo), photo.read_bytes(), io.BytesIO(photo.read_bytes())):
        (prediction,) = predictor(given)
        assert prediction.draw().tobytes() == expected


def test_file_is_found_from_another_folder(predictor, photo, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (prediction,) = predictor(photo.name)
    monkeypatch.chdir("/")
    assert prediction.source == photo.name
    assert prediction.draw().height > 64


def test_file_that_is_gone_is_an_error_that_takes_the_image_instead(predictor, photo):
    (prediction,) = predictor(photo)
    moved = photo.rename(photo.with_name("moved.png"))
    with pytest.raises(FileNotFoundError, match=r"photo\.png is not there any more: .* prediction\.draw\(image\)"):
        prediction.draw()
    assert prediction.draw(moved).tobytes() == prediction.draw(Image.open(moved)).tobytes()
    with pytest.raises(ValueError, match="made of 1 inputs, and 2 are given"):
        prediction.draw((moved, moved))
    with pytest.raises(ValueError, match="opened as text"):
        prediction.draw(io.StringIO())


def test_notebook_shows_a_picture_of_moderate_size(predictor):
    (prediction,) = predictor(Image.open(SAMPLE).resize((3000, 2000)))
    picture = Image.open(io.BytesIO(prediction._repr_png_()))
    assert picture.format == "PNG"
    assert max(picture.size) == 1024


def test_notebook_shows_the_text_where_there_is_no_picture(predictor, photo):
    (prediction,) = predictor(photo)
    photo.unlink()
    assert prediction._repr_png_() is None
    assert Failure("a.png", "a.png: broken")._repr_png_() is None


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copy_is_equal_holds_no_model_and_says_that_it_cannot_be_drawn(predictor, photo, copied):
    (prediction,) = predictor(photo)
    other = copied(prediction)
    assert other == prediction
    assert len(pickle.dumps(prediction)) < 1000
    with pytest.raises(ValueError, match="does not know what it was made of"):
        other.draw()


def test_failure_has_nothing_to_draw():
    with pytest.raises(ValueError, match=r"no prediction to draw: a\.png: broken"):
        Failure("a.png", "a.png: broken").draw()


def test_results_do_not_keep_the_model_in_memory(photo):
    model = weakref.ref((predictor := load_predictor(MODEL)).model)
    (prediction,) = predictor(photo)
    del predictor
    gc.collect()
    assert model() is None
    assert prediction.draw().height > 64


def test_long_run_keeps_the_last_inputs_in_memory_and_says_which_are_gone(predictor, monkeypatch):
    monkeypatch.setattr("zoo_core.prediction._pipeline.Kept", lambda: Kept(3 * 4 * 64 * 64))
    images = (Image.open(SAMPLE).convert("RGB").copy() for _ in range(8))
    found = list(predictor.stream(images, batch_size=2))
    for prediction in found[-3:]:
        assert prediction.draw().height > 64
    with pytest.raises(ValueError, match=r"<image 1> was in memory, .* and is gone"):
        found[0].draw()


def test_input_that_its_caller_still_has_is_found_however_long_the_run_was(predictor, monkeypatch):
    monkeypatch.setattr("zoo_core.prediction._pipeline.Kept", lambda: Kept(1))
    images = [Image.open(SAMPLE) for _ in range(4)]
    assert all(prediction.draw().height > 64 for prediction in predictor(images))


def test_stream_gives_predictions_that_draw_themselves_while_it_runs():
    for prediction in predict.stream([SAMPLE, Image.open(SAMPLE)], model=MODEL, batch_size=1):
        assert prediction.draw().height > 64


def test_numbers_are_rounded_for_people_and_exact_in_json():
    label = ScoredLabel("cat", 3, 0.123456789012)
    prediction = Classification("a.png", (label,))
    assert repr(prediction) == (
        "Classification(source='a.png', top=(ScoredLabel(label='cat', index=3, score=0.1235),))"
    )
    assert str(prediction) == "a.png: cat 12.3%"
    assert str(Failure("a.png", "a.png: broken")) == "a.png: broken"
    assert prediction.to_dict()["top"][0]["score"] == 0.123456789012
