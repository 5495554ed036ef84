"""Several batches at once, each with its share of the processor's threads.

Threads that share a small batch wait for each other at every layer, and longer where others read files beside them.
Threads that have a batch each do not.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from zoo_core.names import Later

from ._predictor import Predictor

torch = Later("torch")

T = TypeVar("T")
R = TypeVar("R")


def batches_at_once(predictor: Predictor[Any, Any], device: str, workers: int) -> int:
    """Return how many batches a predictor computes at once.

    One on other devices than the CPU; where nothing is read ahead, since no batch would be there; and under autocast,
    which other threads would not know of.

    Args:
        predictor: States how many it may be at most.
        device: Where its model is.
        workers: Threads that read ahead.
    """
    if workers == 0 or torch.device(device).type != "cpu" or torch.is_autocast_enabled("cpu"):
        return 1
    threads: int = torch.get_num_threads()
    return max(1, min(predictor.most_at_once, threads))


def in_order(function: Callable[[T], R], items: Iterator[T], at_once: int) -> Generator[tuple[T, R], None, None]:
    """Yield each item with what the function gives for it, in order.

    Args:
        function: Called in `at_once` threads, each with its share of PyTorch's; in this thread, where it is one.
        items: Asked for when a thread is free. An error of theirs is raised when its turn comes.
        at_once: How many items are taken before the first of them is done.
    """
    if at_once == 1:
        for item in items:
            yield item, function(item)
        return
    share = max(1, torch.get_num_threads() // at_once)
    waiting: deque[tuple[T, Future[R]]] = deque()
    with threads(at_once, "zoo-predict", share) as pool:
        yield from _in_order(pool, function, items, at_once, waiting)


@contextmanager
def threads(count: int, name: str, share: int = 1) -> Iterator[ThreadPoolExecutor]:
    """Open threads that compute with so many of PyTorch's threads each; what has not begun at the end does not begin.

    Until then, threads that others begin have that number, too: PyTorch knows one for all new threads.
    """
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(count, name, initializer=torch.set_num_threads, initargs=(share,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)


def _in_order(
    pool: ThreadPoolExecutor,
    function: Callable[[T], R],
    items: Iterator[T],
    at_once: int,
    waiting: deque[tuple[T, Future[R]]],
) -> Iterator[tuple[T, R]]:
    error: Exception | None = None
    while True:
        while len(waiting) < at_once and error is None:
            try:
                item = next(items)
            except Exception as raised:  # noqa: BLE001 # raised when its turn comes; StopIteration is one
                error = raised
            else:
                waiting.append((item, pool.submit(function, item)))
                del item
        if not waiting:
            break
        item, future = waiting.popleft()
        yield item, future.result()
        del item, future
    if not isinstance(error, StopIteration):
        assert error is not None
        raise error
