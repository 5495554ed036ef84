"""Random numbers that depend on where a training is, and on nothing else: so it can be stopped anywhere and go on."""

import hashlib

import torch


def seed_of(*parts: int | str) -> int:
    """Return a seed made of numbers and texts, the same on every machine.

    Example:
        >>> from zoo_training._randomness import seed_of
        >>> seed_of(0, "order", 3) == seed_of(0, "order", 3) != seed_of(0, "order", 4)
        True
    """
    text = "/".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "little") >> 1


def generator_of(*parts: int | str) -> torch.Generator:
    """Return a generator that begins at that seed."""
    return torch.Generator().manual_seed(seed_of(*parts))


def uniform(low: float, high: float, generator: torch.Generator) -> float:
    """Return a random number in [low, high)."""
    return low + (high - low) * float(torch.rand((), generator=generator))


def happens(probability: float, generator: torch.Generator) -> bool:
    """Tell whether something of that probability happens. It takes a random number in any case."""
    return float(torch.rand((), generator=generator)) < probability
