"""Results files: every input one row, whatever stops the run, and no row twice."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from zoo_core.cli import main
from zoo_core.prediction import (
    Classification,
    Failure,
    ResultsFile,
    ScoredLabel,
    Source,
    find_sources,
    shard,
    write_parquet,
)

WEIGHTS = "Some_Weights.V1"


def zoo(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def rows(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def sources_of(count):
    return [Source((Path(f"{number}.png"),)) for number in range(count)]


@pytest.fixture
def folder(tmp_path):
    """Twenty images in two folders, every fifth broken."""
    for number in range(20):
        path = tmp_path / "photos" / str(number % 2) / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (12, 12), number * 10).save(path)
        if number % 5 == 0:
            path.write_bytes(b"broken")
    return tmp_path / "photos"


def write(path, sources):
    with ResultsFile.open(path, WEIGHTS) as results:
        for source in sources:
            if source not in results:
                results.write(Failure(str(source), "why"))
        return results.rows, results.failures


def test_rows_that_are_there_are_not_written_again(tmp_path):
    path = tmp_path / "results.jsonl"
    assert write(path, sources_of(3)) == (3, 3)
    assert write(path, sources_of(5)) == (5, 5)
    assert [row["source"] for row in rows(path)] == [f"{number}.png" for number in range(5)]


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_prediction_that_is_no_number_is_a_failure_and_the_run_goes_on(tmp_path, score):
    path = tmp_path / "results.jsonl"
    with ResultsFile.open(path, WEIGHTS) as results:
        for number in (score, 0.5):
            results.write(Classification(f"{number}.png", (ScoredLabel("cat", 0, number),)))
        assert (results.rows, results.failures) == (2, 1)
    broken, fine = rows(path)
    assert "no number" in broken["error"]
    assert fine["top"][0]["score"] == 0.5


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_line_that_was_cut_off_is_written_anew(tmp_path, cut):
    path = tmp_path / "results.jsonl"
    write(path, sources_of(4))
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert write(path, sources_of(4)) == (4, 4)
    assert path.read_bytes() == whole


def test_predictions_of_other_weights_are_not_mixed_in(tmp_path):
    path = tmp_path / "results.jsonl"
    write(path, sources_of(1))
    with pytest.raises(ValueError, match=r"predicted with Some_Weights\.V1, and this run uses Other_Weights\.V1"):
        ResultsFile.open(path, "Other_Weights.V1").__enter__()


@pytest.mark.parametrize("text", ["no json\n", "{}\n", '{"source": 1, "weights": "Some_Weights.V1"}\n', "[]\n"])
@pytest.mark.parametrize("end", ["", "x"])
def test_file_of_something_else_is_left_as_it_is(tmp_path, text, end):
    path = tmp_path / "results.jsonl"
    text += end
    path.write_text(text)
    with pytest.raises(ValueError, match=r"line 1, is not a row that zoo has written"):
        write(path, sources_of(1))
    assert path.read_text() == text


@pytest.mark.parametrize("text", ['{"my": "annotations"}', "x", '{"sources": []}'])
def test_file_of_something_else_without_a_last_newline_is_left_as_it_is(tmp_path, text):
    path = tmp_path / "results.jsonl"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"line 1, is not a row that zoo has written"):
        write(path, sources_of(1))
    assert path.read_text() == text


def test_file_name_that_is_no_text_is_written_and_known(tmp_path):
    path = tmp_path / "results.jsonl"
    sources = [Source((Path("\udce9t\udce9.png"),))]
    for _ in range(2):
        assert write(path, sources) == (1, 1)


def test_two_writers_at_once_are_refused_and_the_lock_is_gone_afterwards(tmp_path):
    path = tmp_path / "results.jsonl"
    with ResultsFile.open(path, WEIGHTS), pytest.raises(OSError, match="another process"):
        write(path, sources_of(1))
    assert [file.name for file in tmp_path.iterdir()] == ["results.jsonl"]


def test_shards_are_everything_once(tmp_path):
    sources = sources_of(11)
    parts = [list(shard(sources, number, 3)) for number in (1, 2, 3)]
    assert sorted(str(source) for part in parts for source in part) == sorted(map(str, sources))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("number", [0, 4])
def test_shard_out_of_range_is_refused(number):
    with pytest.raises(ValueError, match=f"found {number}/3"):
        shard([], number, 3)


def test_folders_are_listed_in_the_order_of_their_paths(folder):
    (folder / "0" / "inside").mkdir()
    Image.new("L", (1, 1)).save(folder / "0" / "inside" / "a.png")
    (folder / "loop").symlink_to(folder)
    listed = [source.paths[0] for source in find_sources([folder])]
    assert listed == sorted(listed)
    assert len(listed) == 21


def test_every_file_gets_a_row_and_a_second_run_adds_none(folder, tmp_path):
    output = tmp_path / "out" / "results.jsonl"
    result = zoo("predict", folder, "-o", output)
    assert result.exit_code == 1
    assert "4 of 20 images could not be read" in result.stderr
    found = rows(output)
    assert [row["source"] for row in found] == [str(source) for source in find_sources([folder])]
    assert [Path(row["source"]).stem for row in found if "error" in row] == ["00", "10", "05", "15"]
    assert {row["weights"] for row in found} == {"ShuffleNet_V2_X0_5_Digits_Weights.DIGITS_V1"}
    again = zoo("predict", folder, "-o", output)
    assert "20 rows are in" in again.stderr
    assert rows(output) == found


def test_retry_predicts_what_gave_an_error_before_and_nothing_else(folder, tmp_path):
    output = tmp_path / "results.jsonl"
    zoo("predict", folder, "-o", output)
    before = rows(output)
    Image.new("L", (12, 12), 7).save(folder / "0" / "00.png")
    result = zoo("predict", folder, "-o", output, "--retry")
    assert "16 rows are in" in result.stderr
    assert "3 of 20 images could not be read" in result.stderr
    after = rows(output)
    assert after[:16] == [row for row in before if "error" not in row]
    assert [Path(row["source"]).stem for row in after[16:] if "error" not in row] == ["00"]
    assert [path.name for path in tmp_path.glob("results*")] == ["results.jsonl"]


@pytest.mark.parametrize("text", ["notes\n", '{"source": "a.png", "error": "why", "weights": "Other_Weights.V1"}\n'])
def test_retry_leaves_files_of_something_else_as_they_are(tmp_path, text):
    path = tmp_path / "results.jsonl"
    path.write_text(text)
    with pytest.raises(ValueError, match="choose another file"), ResultsFile.open(path, WEIGHTS, retry=True):
        pass
    assert path.read_text() == text


def test_shards_on_the_command_line_are_everything_once(folder, tmp_path):
    for number in (1, 2):
        zoo("predict", folder, "-o", tmp_path / f"{number}.jsonl", "--shard", f"{number}/2")
    found = [row["source"] for number in (1, 2) for row in rows(tmp_path / f"{number}.jsonl")]
    assert sorted(found) == [str(source) for source in find_sources([folder])]


def test_parquet_holds_the_rows_and_nothing_is_left_beside_it(folder, tmp_path):
    import pyarrow.parquet

    output = tmp_path / "out" / "results.parquet"
    zoo("predict", folder, "--topk", "2", "-o", output)
    table = pyarrow.parquet.read_table(output)
    assert table.num_rows == 20
    assert sum(error is not None for error in table["error"].to_pylist()) == 4
    assert len(table["top"].to_pylist()[1]) == 2
    assert [path.name for path in output.parent.iterdir()] == ["results.parquet"]


def test_columns_that_some_rows_lack_are_empty_there_whatever_the_groups(tmp_path, monkeypatch):
    import pyarrow.parquet

    monkeypatch.setattr("zoo_core.prediction._results_table.ROWS", 2)
    lines = tmp_path / "lines.jsonl"
    lines.write_text("".join(f'{{"a": {n}}}\n' if n < 3 else f'{{"b": "{n}"}}\n' for n in range(5)))
    write_parquet(lines, tmp_path / "t.parquet")
    assert pyarrow.parquet.read_table(tmp_path / "t.parquet").to_pylist() == [
        *({"a": n, "b": None} for n in range(3)),
        *({"a": None, "b": str(n)} for n in (3, 4)),
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("-o", "results.csv"), ".jsonl or .parquet"),
        (("--retry",), "--retry goes with --output"),
        (("--shard", "3/2"), "found 3/2"),
        (("--shard", "first"), "I/N, as in 1/4"),
        (("--min-score", "0.3"), "does not take min_score"),
    ],
)
def test_wrong_use_says_what_is_right(folder, arguments, expected):
    result = zoo("predict", folder, *arguments)
    assert result.exit_code == 2
    assert expected in result.stderr


def test_run_that_was_killed_goes_on_where_it_was(folder, tmp_path):
    output = tmp_path / "results.jsonl"
    slow = (
        "import time, zoo_core.prediction._classification as c; read = c.ClassificationPredictor.read\n"
        "c.ClassificationPredictor.read = lambda self, paths: (time.sleep(0.05), read(self, paths))[1]\n"
        "from zoo_core.cli import main; main()"
    )
    arguments = ["predict", str(folder), "-o", str(output), "--batch-size", "1", "--workers", "0"]
    process = subprocess.Popen([sys.executable, "-c", slow, *arguments], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (output.exists() and output.read_bytes().count(b"\n") >= 3):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = rows(output)
    assert 3 <= len(before) < 20
    zoo("predict", folder, "-o", output)
    assert rows(output)[: len(before)] == before
    assert sorted(row["source"] for row in rows(output)) == [str(source) for source in find_sources([folder])]
