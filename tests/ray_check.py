"""Predict and evaluate with Ray Data on two local workers, as the examples do. Run by `nox -s ray`."""

import json
import sys
import tempfile
from pathlib import Path

import ray
from PIL import Image

sys.path.append(str(Path(__file__).parents[1] / "examples"))
from ray_data import main as example
from ray_evaluation import main as evaluation_example
from zoo_core.prediction import Failure, predict
from zoo_evaluation import EvaluationJob

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
            assert label["index"] == prediction.top[0].index, (row, prediction)  # type: ignore[attr-defined]
            assert abs(label["score"] - prediction.top[0].score) < 1e-5, (row, prediction)  # type: ignore[attr-defined]
            assert row["error"] is None
    check_evaluation()
    print("Ray Data: 100 rows from two workers, the same as from one process; one of them an error")


def check_evaluation() -> None:
    """Compare the record of two workers with that of one process."""
    import zoo_digits

    samples = Path(str(zoo_digits.__file__)).parent / "samples"
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "digits"
        for path in samples.glob("*.png"):
            (data / path.stem).mkdir(parents=True)
            (data / path.stem / path.name).write_bytes(path.read_bytes())
        joined = evaluation_example(str(data), str(Path(folder) / "joined"), model=MODEL).to_dict()
        alone = EvaluationJob(model=MODEL, dataset=data).run()
        assert len(list((Path(folder) / "joined").glob("predictions-*-of-2.jsonl"))) == 2
    assert alone is not None
    expected = alone.to_dict()
    assert joined.pop("timing")["predicted"] == 0
    expected.pop("timing")
    assert joined == expected, (joined, expected)
    print("Ray Data: the record of two workers is that of one process")


if __name__ == "__main__":
    main()
