"""The results file of `zoo predict -o`."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from zoo_core.prediction import Prediction, ResultsFile, Source, require_pyarrow, write_parquet

from ._common import note

_FORMATS = (".jsonl", ".parquet")


def check_output(path: Path) -> None:
    """Check the name of a results file before anything is computed.

    Raises:
        ValueError: It has no known ending, or what writes it is not installed.
    """
    if path.suffix not in _FORMATS:
        raise ValueError(f"Results are written as {' or '.join(_FORMATS)}: found {path}.")
    if path.suffix == ".parquet":
        require_pyarrow()


def write_results(
    path: Path,
    sources: Iterable[Source],
    predict: Callable[[Iterable[Source]], Iterable[Prediction]],
    *,
    weights: str,
    retry: bool,
    quiet: bool,
) -> tuple[int, int]:
    """Predict what is not in the file yet, and write it.

    Rows of a Parquet file, which cannot be continued, are collected beside it until they are complete.

    Returns:
        How many rows the file has, and how many of them are failures.
    """
    lines = path if path.suffix == ".jsonl" else path.with_name(f"{path.name}.partial.jsonl")
    with ResultsFile.open(lines, weights, retry=retry) as results:
        if results.rows:
            note(f"{results.rows} rows are in {lines} already", quiet=quiet)
        for prediction in predict(_shown((source for source in sources if source not in results), quiet=quiet)):
            results.write(prediction)
        counts = results.rows, results.failures
    if lines != path:
        write_parquet(lines, path)
        lines.unlink()
    note(f"{counts[0]} rows in {path}", quiet=quiet)
    return counts


def _shown(sources: Iterable[Source], *, quiet: bool) -> Iterator[Source]:
    from tqdm import tqdm

    with tqdm(sources, unit=" inputs", disable=quiet or None, leave=False) as bar:  # None: where stderr is a terminal
        yield from bar
