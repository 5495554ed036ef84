"""From sources to predictions, one after the other, whatever happens to single ones."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from zoo_core.errors import MediaError

from ._predictor import Predictor
from ._results import Failure, Prediction
from ._sources import Source

S = TypeVar("S")
D = TypeVar("D")
I = TypeVar("I")  # noqa: E741 # inputs


@dataclass(frozen=True, slots=True)
class Outcome(Generic[S, D]):
    """What came of a source.

    Args:
        source: What was predicted on.
        prediction: What the model said, or a `Failure`.
        decoded: What its files held; `None` where they could not be read.
    """

    source: S
    prediction: Prediction
    decoded: D | None


@dataclass(frozen=True, slots=True)
class _Loaded(Generic[S, D, I]):
    """A source that has been read: either its input is there or its failure."""

    source: S
    decoded: D | None = None
    inputs: I | None = None
    failure: Failure | None = None


def stream(
    predictor: Predictor[Any, Any], sources: Iterable[Source], *, batch_size: int = 8, workers: int = 0
) -> Iterator[Prediction]:
    """Yield a prediction or a `Failure` for each source, in order.

    Args:
        predictor: As `load_predictor` gives it.
        sources: What to predict on, any number.
        batch_size: How many inputs to run through the model at once.
        workers: Threads that read ahead while the model computes; 0 reads between the batches, and no further than is
            asked for. What is held in memory is bounded either way, by three batches.

    Raises:
        ValueError: `batch_size` or `workers` is out of range.
    """
    return (outcome.prediction for outcome in run(predictor, sources, batch_size=batch_size, workers=workers))


def run(
    predictor: Predictor[D, Any], sources: Iterable[Source], *, batch_size: int = 8, workers: int = 0
) -> Iterator[Outcome[Source, D]]:
    """Yield what came of each source, as `stream` does, with what was decoded.

    Raises:
        ValueError: `batch_size` or `workers` is out of range.
    """
    return run_decoding(
        predictor, sources, lambda source: predictor.read(source.paths), batch_size=batch_size, workers=workers
    )


def run_decoding(
    predictor: Predictor[D, Any], sources: Iterable[S], read: Callable[[S], D], *, batch_size: int, workers: int
) -> Iterator[Outcome[S, D]]:
    """Do as `run`, for sources of any kind that `read` decodes, and that their `str` names.

    Raises:
        ValueError: `batch_size` or `workers` is out of range.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is a number of inputs: expected at least 1, found {batch_size}.")
    if workers < 0:
        raise ValueError(f"workers is a number of threads: expected at least 0, found {workers}.")
    loaded = _ahead(lambda source: _load(predictor, read, source), sources, 2 * batch_size, workers)
    return _run(predictor, loaded, batch_size)


def _run(predictor: Predictor[D, I], loaded: Iterator[_Loaded[S, D, I]], batch_size: int) -> Iterator[Outcome[S, D]]:
    for batch in _batches(loaded, batch_size):
        predictions = iter(_predict(predictor, [item for item in batch if item.failure is None]))
        for item in batch:
            yield Outcome(item.source, item.failure or next(predictions), item.decoded)


def _batches(items: Iterator[D], size: int) -> Iterator[list[D]]:
    """Yield items so many at a time; those that come before an error are there before it."""
    while True:
        batch: list[D] = []
        try:
            for item in islice(items, size):
                batch.append(item)  # noqa: PERF402 # what is there when an error comes
        except Exception:
            if batch:
                yield batch
            raise
        if not batch:
            return
        yield batch


def _predict(predictor: Predictor[D, I], batch: Sequence[_Loaded[S, D, I]]) -> Sequence[Prediction]:
    """Predict a batch; where the model refuses it, input by input, so that the others go on."""
    if not batch:
        return ()
    try:
        return predictor.predict([item.inputs for item in batch], [str(item.source) for item in batch])  # type: ignore[misc]
    except ValueError as error:
        if len(batch) == 1:
            return [Failure(str(batch[0].source), f"{batch[0].source}: {error}")]
    return [prediction for item in batch for prediction in _predict(predictor, [item])]


def _ahead(function: Callable[[S], D], items: Iterable[S], ahead: int, workers: int) -> Iterator[D]:
    """Apply a function to items in order, in threads that are up to `ahead` items before the caller."""
    if workers == 0:
        yield from map(function, items)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="zoo-read")
    futures = _submitted(pool, function, items)
    try:
        waiting = deque(islice(futures, ahead))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(islice(futures, 1))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


def _submitted(pool: ThreadPoolExecutor, function: Callable[[S], D], items: Iterable[S]) -> Iterator[Future[D]]:
    """Give items to a pool, in order; an error of their iterator waits in its place for its turn."""
    try:
        for item in items:
            yield pool.submit(function, item)
    except Exception as error:  # noqa: BLE001 # raised when it is asked for
        failed: Future[D] = Future()
        failed.set_exception(error)
        yield failed


def _load(predictor: Predictor[D, I], read: Callable[[S], D], source: S) -> _Loaded[S, D, I]:
    decoded: D | None = None
    try:
        decoded = read(source)
        return _Loaded(source, decoded, predictor.preprocess(decoded))
    except (MediaError, OSError) as error:
        reason = str(error)
    except ValueError as error:
        reason = f"{source}: {error}"
    return _Loaded(source, decoded, failure=Failure(str(source), reason))
