"""A file of vectors goes on where a run was stopped, says what made it, and is never mixed with others' vectors."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner, Result

import zoo_digits
from zoo_core import embed, get_model, get_model_weights, save_model
from zoo_core.cli import main
from zoo_core.embedding import EmbeddingJob, ImageEmbedder, read_embeddings
from zoo_core.files import Digest, resolve

SAMPLES = Path(zoo_digits.__path__[0]) / "samples"
DIGITS = "shufflenet_v2_x0_5_digits"
FORMATS = pytest.mark.parametrize("name", ["vectors.parquet", "vectors.jsonl"])


def zoo(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["embed", *map(str, arguments), "--no-optimize", "--quiet"])


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the inputs that are embedded from now on."""
    names: list[str] = []
    predict = ImageEmbedder.predict

    def noted(self, inputs, sources):
        names.extend(Path(source).stem for source in sources)
        return predict(self, inputs, sources)

    monkeypatch.setattr(ImageEmbedder, "predict", noted)
    return names


@FORMATS
def test_a_file_has_the_vectors_and_is_read_again(tmp_path: Path, name: str) -> None:
    output = tmp_path / "new" / name
    assert zoo(SAMPLES, "-o", output).exit_code == 0
    found, expected = read_embeddings(output), embed(SAMPLES)
    assert found.sources == expected.sources
    assert torch.equal(found.vectors, expected.vectors)
    assert [path.name for path in output.parent.iterdir()] == [name]


def test_a_parquet_file_says_by_itself_what_it_is(tmp_path: Path) -> None:
    zoo(SAMPLES, "--normalize", "-o", tmp_path / "v.parquet")
    schema = pq.read_schema(tmp_path / "v.parquet")
    assert schema.names == ["source", "vector", "error"]
    assert schema.field("vector").type == pa.list_(pa.float32(), 1024)
    facts = json.loads(schema.metadata[b"zoo.embedding"])
    assert facts == json.loads(embed(SAMPLES, normalize=True).facts.to_json())
    assert read_embeddings(tmp_path / "v.parquet").facts == embed(SAMPLES, normalize=True).facts


def test_rows_of_json_lines_say_what_made_them(tmp_path: Path) -> None:
    zoo(SAMPLES / "one.png", "-o", tmp_path / "v.jsonl")
    row = json.loads((tmp_path / "v.jsonl").read_text())
    assert list(row) == ["source", "vector", "weights", "made_by"]
    assert row["made_by"] == f"{DIGITS}, digits_v1.safetensors, normalize=False"


@FORMATS
def test_only_what_is_missing_is_computed(tmp_path: Path, name: str, embedded: list[str]) -> None:
    zoo(SAMPLES / "one.png", SAMPLES / "two.png", "-o", tmp_path / name)
    zoo(SAMPLES, "-o", tmp_path / name)
    assert embedded[:2] == ["one", "two"]
    assert sorted(embedded) == sorted(path.stem for path in SAMPLES.iterdir())
    found, expected = read_embeddings(tmp_path / name), embed(SAMPLES)
    order = [found.sources.index(source) for source in expected.sources]
    assert torch.allclose(found.vectors[order], expected.vectors, atol=1e-5)


@FORMATS
def test_in_python_only_what_is_missing_is_computed_and_all_is_returned(
    tmp_path: Path, name: str, embedded: list[str]
) -> None:
    embed([SAMPLES / "one.png"], output=tmp_path / name)
    found = embed([SAMPLES / "one.png", SAMPLES / "two.png"], output=tmp_path / name)
    again = embed([SAMPLES / "one.png", SAMPLES / "two.png"], output=tmp_path / name)
    assert embedded == ["one", "two"]
    assert [Path(source).stem for source in found.sources] == ["one", "two"]
    assert torch.equal(found.vectors, again.vectors)
    with pytest.raises(FileNotFoundError):
        embed([SAMPLES / "one.png", tmp_path / "absent.png"], output=tmp_path / name)


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    folder, output = tmp_path / "many", tmp_path / "v.parquet"
    folder.mkdir()
    for number in range(600):
        (folder / f"{number:03}.png").symlink_to(SAMPLES / "five.png")
    partial = tmp_path / "v.parquet.partial.jsonl"
    command = [sys.executable, "-m", "zoo_core.cli", "embed", str(folder), "-o", str(output), "--batch-size", "2"]
    first = subprocess.Popen([*command, "--no-optimize", "-q"])
    deadline = time.monotonic() + 120
    while not (partial.exists() and partial.read_bytes().count(b"\n") > 20) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    before = partial.read_bytes().splitlines()[:-1]
    assert not output.exists()
    assert zoo(folder, "-o", output, "--batch-size", 50).exit_code == 0
    found = read_embeddings(output)
    assert sorted(found.sources) == [str(path) for path in sorted(folder.iterdir())]
    kept = torch.tensor([json.loads(line)["vector"] for line in before])
    assert torch.equal(found.vectors[: len(kept)], kept)


@FORMATS
def test_failures_are_rows_and_are_computed_again_only_when_told(
    tmp_path: Path, name: str, embedded: list[str]
) -> None:
    (tmp_path / "a.png").write_bytes(b"no image")
    arguments = (tmp_path / "a.png", SAMPLES / "one.png", "-o", tmp_path / name)
    assert zoo(*arguments).exit_code == 1
    assert [Path(failure.source).name for failure in read_embeddings(tmp_path / name).failures] == ["a.png"]
    (tmp_path / "a.png").write_bytes((SAMPLES / "two.png").read_bytes())
    assert zoo(*arguments).exit_code == 1
    assert embedded == ["one"]
    assert zoo(*arguments, "--retry").exit_code == 0
    assert embedded == ["one", "a"]
    found = read_embeddings(tmp_path / name)
    assert (sorted(Path(source).stem for source in found.sources), found.failures) == (["a", "one"], ())


def test_a_file_of_failures_alone_goes_on(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no image")
    assert zoo(tmp_path / "a.png", "-o", tmp_path / "v.parquet").exit_code == 1
    alone = read_embeddings(tmp_path / "v.parquet")
    assert (alone.vectors.shape, len(alone.failures)) == ((0, 0), 1)
    assert zoo(tmp_path / "a.png", SAMPLES / "one.png", "-o", tmp_path / "v.parquet").exit_code == 1
    found = read_embeddings(tmp_path / "v.parquet")
    assert (found.vectors.shape, len(found.failures)) == ((1, 1024), 1)
    assert found.facts is not None
    assert found.facts.dimension == 1024


def test_the_vector_of_a_failure_is_no_number(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no image")
    zoo(tmp_path / "a.png", SAMPLES / "one.png", "-o", tmp_path / "v.parquet")
    table = pq.read_table(tmp_path / "v.parquet")
    first, second = (torch.tensor(vector) for vector in table["vector"].to_pylist())
    assert first.isnan().all()
    assert second.isfinite().all()


@FORMATS
@pytest.mark.parametrize("other", [["--normalize"], ["--model", "local-dir:mine"]], ids=["option", "model"])
def test_vectors_that_were_made_otherwise_are_refused_and_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, other: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    save_model(get_model(DIGITS, weights="DEFAULT"), "mine")
    zoo(SAMPLES / "one.png", "-o", name)
    before = Path(name).read_bytes()
    result = zoo(SAMPLES, *other, "-o", name)
    assert result.exit_code == 2
    assert "choose another file, or remove that one." in result.stderr
    assert Path(name).read_bytes() == before


def test_vectors_of_another_file_under_the_same_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "v.parquet"
    zoo(SAMPLES / "one.png", "-o", path)
    table = pq.read_table(path)
    facts = json.loads(table.schema.metadata[b"zoo.embedding"]) | {"sha256": "0" * 64}
    pq.write_table(table.replace_schema_metadata({"zoo": "vectors", "zoo.embedding": json.dumps(facts)}), path)
    result = zoo(SAMPLES, "-o", path)
    assert (result.exit_code, "SHA-256 0000" in result.stderr) == (2, True)


def test_vectors_of_another_file_with_the_same_tensors_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = get_model_weights(DIGITS)["DEFAULT"]
    published = replace(entry.file, digest=Digest("3797046b"))  # of which no more is known

    class Entry:
        file = published

        def __getattr__(self, name: str) -> object:
            return getattr(entry, name)

        def __str__(self) -> str:
            return str(entry)

    monkeypatch.setattr(EmbeddingJob, "entry", Entry())
    twin = replace(resolve(entry.file), sha256="6c80ec84" + 56 * "0")
    job = EmbeddingJob(sources=SAMPLES, model=DIGITS)
    monkeypatch.setattr(EmbeddingJob, "resolve", lambda _job: twin)
    assert job.facts(4).sha256 == "3797046b"
    monkeypatch.setattr(EmbeddingJob, "resolve", lambda _job: replace(twin, sha256="3797046b" + 56 * "1"))
    assert job.facts(4).sha256 == "3797046b" + 56 * "1"


@pytest.mark.parametrize("content", ["table", "predictions", b"no table", b""], ids=["table", "rows", "text", "empty"])
def test_a_parquet_file_of_something_else_stays(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "data.parquet"
    if content == "predictions":
        CliRunner().invoke(main, ["predict", str(SAMPLES / "one.png"), "-o", str(path)])
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        pq.write_table(pa.table({"source": ["a"], "vector": [[1.0]]}), path)
    before = path.read_bytes()
    result = zoo(SAMPLES, "-o", path)
    assert (result.exit_code, path.read_bytes()) == (2, before)
    assert "holds something else than vectors of zoo" in result.stderr
    with pytest.raises(ValueError, match="holds something else than vectors of zoo"):
        read_embeddings(path)


def test_rows_of_predictions_are_no_vectors(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    CliRunner().invoke(main, ["predict", str(SAMPLES / "one.png"), "-o", str(path)])
    assert zoo(SAMPLES, "-o", path).exit_code == 2
    with pytest.raises(ValueError, match="holds something else than vectors of zoo"):
        read_embeddings(path)


@pytest.mark.parametrize("vector", [[1.0, 2.0], ["a"], None], ids=["short", "text", "none"])
def test_a_vector_that_was_changed_while_a_run_was_stopped_is_refused(tmp_path: Path, vector: object) -> None:
    partial = tmp_path / "v.parquet.partial.jsonl"
    zoo(SAMPLES / "one.png", SAMPLES / "two.png", "-o", tmp_path / "v.jsonl")
    first, second = map(json.loads, (tmp_path / "v.jsonl").read_text().splitlines())
    partial.write_text("".join(json.dumps(row) + "\n" for row in (first, second | {"vector": vector})))
    result = zoo(SAMPLES, "-o", tmp_path / "v.parquet")
    assert result.exit_code == 2
    assert "line 2, has" in result.stderr
    assert "Remove that line, and it is computed again." in result.stderr
    assert not (tmp_path / "v.parquet").exists()


@pytest.mark.parametrize(
    ("vector", "why"), [([1.0], "line 2, has 1 numbers"), (["a"], "something else"), (None, "something else")]
)
def test_json_lines_that_were_changed_are_not_read(tmp_path: Path, vector: object, why: str) -> None:
    zoo(SAMPLES / "one.png", SAMPLES / "two.png", "-o", tmp_path / "v.jsonl")
    first, second = map(json.loads, (tmp_path / "v.jsonl").read_text().splitlines())
    (tmp_path / "v.jsonl").write_text(f"{json.dumps(first)}\n{json.dumps(second | {'vector': vector})}\n")
    with pytest.raises(ValueError, match=why):
        read_embeddings(tmp_path / "v.jsonl")


def test_names_that_are_no_utf_8_are_computed_once(tmp_path: Path, embedded: list[str]) -> None:
    path = tmp_path / os.fsdecode(b"\xe9.png")
    path.write_bytes((SAMPLES / "one.png").read_bytes())
    for _ in range(2):
        assert zoo(tmp_path, "-o", tmp_path / "v.parquet").exit_code == 0
    assert len(embedded) == 1


def test_without_output_the_first_numbers_are_printed_and_json_has_all() -> None:
    assert "one.png  1,024 numbers: 0.0000 " in zoo(SAMPLES / "one.png").stdout
    (row,) = json.loads(zoo(SAMPLES / "one.png", "--json").stdout)
    assert torch.equal(torch.tensor([row["vector"]]), embed(SAMPLES / "one.png").vectors)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="expected a file that `zoo embed` has written"):
        read_embeddings(tmp_path / "v.parquet")
