"""Predicting on batches of rows, as data engines call it."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from zoo_core.prediction import BatchPredictor, predict

MODEL = "shufflenet_v2_x0_5_digits"


@pytest.fixture(scope="module")
def predictor():
    return BatchPredictor(MODEL, topk=2)


@pytest.fixture
def images():
    return [Image.effect_noise((20, 20), 90).convert("RGB") for _ in range(3)]


def test_files_bytes_and_arrays_give_what_predict_gives(predictor, images, tmp_path):
    paths, contents = [], []
    for number, image in enumerate(images):
        file = io.BytesIO()
        image.save(file, "PNG")
        contents.append(file.getvalue())
        paths.append(str(tmp_path / f"{number}.png"))
        (tmp_path / f"{number}.png").write_bytes(file.getvalue())
    expected = [prediction.top for prediction in predict(paths, model=MODEL, topk=2)]
    columns = {"path": np.array(paths), "bytes": np.array(contents, dtype=object), "image": [*map(np.asarray, images)]}
    for column, values in columns.items():
        result = predictor({column: values, "id": np.arange(3)})
        assert list(result) == [column, "id", "prediction", "error"]
        assert list(result["error"]) == [None] * 3
        for text, top in zip(result["prediction"], expected, strict=True):
            labels = json.loads(text)["top"]
            assert [label["index"] for label in labels] == [label.index for label in top]
            assert [label["score"] for label in labels] == pytest.approx([label.score for label in top], abs=1e-5)


def test_images_in_other_forms_give_what_arrays_give(predictor, images):
    array = np.asarray(images[0])
    forms = [array, array / 255, images[0], torch.tensor(array).permute(2, 0, 1)]
    result = predictor({"image": forms})
    assert list(result["error"]) == [None] * 4
    tops = [json.loads(text)["top"] for text in result["prediction"]]
    assert [top[0]["index"] for top in tops] == [tops[0][0]["index"]] * 4
    assert [top[0]["score"] for top in tops] == pytest.approx([tops[0][0]["score"]] * 4, abs=1e-5)


def test_row_that_cannot_be_read_has_its_error_and_the_others_their_predictions(predictor, images):
    file = io.BytesIO()
    images[0].save(file, "PNG")
    result = predictor({"bytes": [b"nothing", file.getvalue()]})
    assert [text is None for text in result["prediction"]] == [True, False]
    assert [text is None for text in result["error"]] == [False, True]


@pytest.mark.parametrize(
    ("column", "odd"),
    [
        ("bytes", None),
        ("bytes", 5),
        ("path", None),
        ("image", None),
        ("image", np.zeros((4, 4, 3), np.int64)),
        ("image", np.zeros((4, 4, 7), np.uint8)),
        ("image", np.zeros((0, 4, 3), np.uint8)),
        ("image", "picture.png"),
    ],
    ids=repr,
)
def test_odd_cell_is_an_error_of_its_row_alone(predictor, images, tmp_path, column, odd):
    images[0].save(tmp_path / "image.png")
    good = {
        "bytes": (tmp_path / "image.png").read_bytes(),
        "path": tmp_path / "image.png",
        "image": np.array(images[0]),
    }
    result = predictor({column: [odd, good[column]]})
    assert [text is None for text in result["prediction"]] == [True, False]
    assert result["error"][0].startswith("row 0")


def test_empty_batch_stays_one_with_the_columns(predictor):
    result = predictor({"path": np.array([], dtype=object)})
    assert [len(column) for column in result.values()] == [0, 0, 0]


def test_batch_without_a_known_column_says_which_there_are(predictor):
    with pytest.raises(ValueError, match="image, bytes, path; found pixels"):
        predictor({"pixels": []})
