"""Predict with Ray Data on two local workers, as examples/ray_data.py does. Run by `nox -s ray`; prints what it did."""

import json
import sys
import tempfile
from pathlib import Path

import ray
from PIL import Image

sys.path.append(str(Path(__file__).parents[1] / "examples"))
from ray_data import main as example
from zoo_core.prediction import Failure, predict

MODEL = "shufflenet_v2_x0_5_digits"


def main() -> None:
    """Compare the rows of two workers with what one process predicts."""
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    with tempfile.TemporaryDirectory() as folder:
        images, results = Path(folder) / "images", Path(folder) / "results"
        images.mkdir()
        for number in range(100):
            path = images / f"{number:03}.png"
            Image.effect_noise((24, 24), number).save(path)
        (images / "050.png").write_bytes(b"broken")
        example(str(images), str(results), model=MODEL)
        rows = sorted(ray.data.read_parquet(str(results)).take_all(), key=lambda row: row["path"])
        expected = predict(images, model=MODEL, topk=1)
    assert len(rows) == len(expected) == 100
    for row, prediction in zip(rows, expected, strict=True):
        assert Path(row["path"]).name == Path(prediction.source).name
        if isinstance(prediction, Failure):
            assert row["prediction"] is None, row
            assert "not an image" in row["error"], row
        else:
            (label,) = json.loads(row["prediction"])["top"]
            assert label["index"] == prediction.top[0].index, (row, prediction)
            assert abs(label["score"] - prediction.top[0].score) < 1e-5, (row, prediction)
            assert row["error"] is None
    print("Ray Data: 100 rows from two workers, the same as from one process; one of them an error")


if __name__ == "__main__":
    main()
