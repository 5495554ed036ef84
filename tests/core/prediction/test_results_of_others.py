"""A results file holds predictions that were made one way, and no file of anybody else's is touched."""

import json
import os
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from limited_memory import output_within
from zoo_core.cli import main
from zoo_core.images import read_image
from zoo_core.prediction import Failure, PredictionJob, ResultsFile
from zoo_core.prediction._results_table import ResultsTable

WEIGHTS = "Some_Weights.V1"
DIGITS = "shufflenet_v2_x0_5_digits"


def zoo(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--no-optimize"])


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.new("L", (12, 12)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def write(path: Path, *, made_by: str | None = None, name: str = "a.png", retry: bool = False) -> None:
    with ResultsFile.open(path, WEIGHTS, made_by=made_by, retry=retry) as results:
        results.write(Failure(name, "why"))


def test_rows_say_which_model_weights_and_options_made_them(photo: Path, tmp_path: Path) -> None:
    assert zoo("predict", photo, "-o", tmp_path / "rows.jsonl").exit_code == 0
    row = json.loads((tmp_path / "rows.jsonl").read_text())
    assert list(row) == ["source", "top", "weights", "made_by"]
    job = PredictionJob(sources=photo, model=DIGITS)
    assert row["made_by"] == job.made_by == f"{DIGITS}, {job.entry.file.name}, topk=5"


@pytest.mark.parametrize("retry", [(), ("--retry",)], ids=["continued", "retried"])
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet"])
def test_a_run_with_other_options_is_refused_and_says_both(
    photo: Path, tmp_path: Path, name: str, retry: tuple[str, ...]
) -> None:
    assert zoo("predict", photo, "-o", tmp_path / "rows.jsonl", "--topk", 2).exit_code == 0
    if name == "rows.parquet":
        (tmp_path / "rows.jsonl").rename(tmp_path / "rows.parquet.partial.jsonl")  # as a stopped run leaves it
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    result = zoo("predict", photo, "-o", tmp_path / name, "--topk", 3, *retry)
    assert result.exit_code == 2
    assert "topk=2, and this run is" in result.stderr
    assert "topk=3" in result.stderr
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_the_same_options_said_otherwise_go_on(photo: Path, tmp_path: Path) -> None:
    for more in ((), ("--topk", "5"), ("--weights", "DIGITS_V1"), ("--batch-size", "3", "--model", DIGITS)):
        assert zoo("predict", photo, "-o", tmp_path / "rows.jsonl", *more).exit_code == 0
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 1


def test_another_model_with_the_same_weights_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "rows.jsonl", made_by="one, f.pth")
    with pytest.raises(ValueError, match=r"made by one, f\.pth, and this run is another, f\.pth"):
        write(tmp_path / "rows.jsonl", made_by="another, f.pth")


def test_rows_of_earlier_versions_and_of_programs_that_do_not_say_go_on(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    for number, made_by in enumerate([None, "one", None, "one"]):
        write(path, made_by=made_by, name=f"{number}.png")
    assert [json.loads(line).get("made_by") for line in path.read_text().splitlines()] == [None, "one", None, "one"]


def test_a_whole_row_without_its_end_of_line_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write(path)
    path.write_bytes(path.read_bytes()[:-1])
    write(path, name="b.png")
    assert [json.loads(line)["source"] for line in path.read_text().splitlines()] == ["a.png", "b.png"]


@pytest.mark.parametrize(
    "text",
    [
        '{"source": "my annotations"}',
        '{"source": "my annotations"}\n',
        "[" * 100_000,
        '{"source": ' * 100_000 + "\n",
        '{"source": "a", "weights": ' + "9" * 5000 + "}\n",
        '{"source": null, "weights": "Some_Weights.V1"}\n',
    ],
)
def test_files_of_something_else_stay_as_they_are(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(text)
    for retry in (False, True):
        with pytest.raises(ValueError, match="is not a row that zoo has written"):
            write(path, retry=retry)
        assert path.read_text() == text
    assert [file.name for file in tmp_path.iterdir()] == ["rows.jsonl"]


def test_a_source_with_half_a_character_is_known(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"source": "\\ud800", "weights": "Some_Weights.V1"}\n')
    write(path)
    assert len(path.read_text().splitlines()) == 2


def test_a_line_without_end_takes_little_memory(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from zoo_core.prediction import ResultsFile
try:
    ResultsFile.open(Path(sys.argv[1]), "W.V1").__enter__()
except ValueError as error:
    print("refused")
"""
    with (tmp_path / "rows.jsonl").open("wb") as file:
        file.write(b'{"source": "')
        file.truncate(3 << 30)
    assert output_within(1, code, tmp_path / "rows.jsonl") == "refused\n"
    assert (tmp_path / "rows.jsonl").stat().st_size == 3 << 30


def test_pipes_and_devices_are_refused_and_links_are_kept(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "device.jsonl").symlink_to("/dev/zero")
    for name in ("pipe.jsonl", "device.jsonl"):
        with pytest.raises(OSError, match="no file that results can be written to"):
            write(tmp_path / name)
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "rows.jsonl")
    write(tmp_path / "link.jsonl")
    write(tmp_path / "link.jsonl", retry=True)
    assert (tmp_path / "link.jsonl").is_symlink()
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 1


def test_a_file_of_somebody_else_s_under_the_name_of_the_lock_is_kept(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl.lock").write_text("mine")
    with pytest.raises(OSError, match="where the lock of the results goes"):
        write(tmp_path / "rows.jsonl")
    assert (tmp_path / "rows.jsonl.lock").read_text() == "mine"
    (tmp_path / "rows.jsonl.lock").write_text("")  # as a killed run leaves it
    write(tmp_path / "rows.jsonl")


@pytest.mark.parametrize("content", ["table", b"no table", b""], ids=["table", "text", "empty"])
def test_a_parquet_file_of_something_else_is_kept(photo: Path, tmp_path: Path, content: str | bytes) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "data.parquet"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        pq.write_table(pa.table({"source": [1], "price": [2]}), path)
    before = path.read_bytes()
    result = zoo("predict", photo, "-o", path)
    assert (result.exit_code, path.read_bytes()) == (2, before)
    assert "holds something else than predictions" in result.stderr


def test_a_parquet_file_goes_on_with_what_is_new_and_names_that_are_no_utf_8_are_in_it(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    path, broken = tmp_path / "rows.parquet", tmp_path / "broken.png"
    photo.rename(tmp_path / os.fsdecode(b"\xe9.png"))
    assert zoo("predict", tmp_path, "-o", path).exit_code == 0
    before = path.read_bytes()
    again = zoo("predict", tmp_path, "-o", path)
    assert (again.exit_code, path.read_bytes()) == (0, before)
    assert f"1 row is in {path} already" in again.stderr
    broken.write_bytes(b"no picture")
    monkeypatch.setattr(ResultsTable, "rows_at_once", 1)
    assert zoo("predict", tmp_path, "-o", path).exit_code == 1
    table = pq.read_table(path)
    assert table["source"].to_pylist() == [f"{tmp_path}/\\udce9.png", str(broken)]
    assert [error is None for error in table["error"].to_pylist()] == [True, False]
    assert "topk=5" in table["made_by"][0].as_py()
    assert table["top"][0].as_py() == pq.read_table(BytesIO(before))["top"][0].as_py()
    Image.new("L", (12, 12)).save(broken)
    assert zoo("predict", tmp_path, "-o", path, "--retry").exit_code == 0
    table = pq.read_table(path)
    assert (table.num_rows, table["error"].to_pylist()) == (2, [None, None])
    assert sorted(each.name for each in tmp_path.iterdir() if "rows" in each.name) == ["rows.parquet"]


@pytest.mark.parametrize("changed", [{"weights": ["Other_Weights.V1"]}, {"made_by": ["alexnet, topk=5"]}])
def test_a_parquet_file_of_predictions_that_were_made_otherwise_is_kept(
    photo: Path, tmp_path: Path, changed: dict[str, list[str]]
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "rows.parquet"
    assert zoo("predict", photo, "-o", path).exit_code == 0
    table = pq.read_table(path)
    for name, value in changed.items():
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(value))
    pq.write_table(table, path)
    before = path.read_bytes()
    result = zoo("predict", photo, "-o", path)
    assert (result.exit_code, path.read_bytes()) == (2, before)
    (found,) = next(iter(changed.values()))
    assert f"{path} has predictions of {found}, and this run is of " in result.stderr
    assert "choose another file, or remove that one." in result.stderr


def test_results_never_go_into_an_input(photo: Path) -> None:
    result = zoo("predict", photo, "-o", photo)
    assert (result.exit_code, read_image(photo).size) == (2, (12, 12))
    link = photo.with_name("rows.jsonl")
    link.symlink_to(photo)
    before = photo.read_bytes()
    assert zoo("predict", photo, "-o", link).exit_code == 2
    assert photo.read_bytes() == before
