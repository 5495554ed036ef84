"""Which samples are this process's: each is counted once, whatever the number of processes."""

import os
from collections.abc import Mapping


def launched_shard(environment: Mapping[str, str] = os.environ) -> tuple[int, int] | None:
    """Return this process's number, from 1 on, and how many there are, where `torchrun` has started them.

    Example:
        >>> from zoo_evaluation._shards import launched_shard
        >>> launched_shard({"RANK": "0", "WORLD_SIZE": "3"})
        (1, 3)
    """
    try:
        rank, count = int(environment["RANK"]), int(environment["WORLD_SIZE"])
    except (KeyError, ValueError):
        return None
    return (rank + 1, count) if count > 1 else None


def is_first() -> bool:
    """Tell whether this process is the one that writes and prints, of those that `torchrun` has started."""
    shard = launched_shard()
    return shard is None or shard[0] == 1
