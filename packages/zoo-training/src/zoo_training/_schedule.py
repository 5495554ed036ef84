"""The learning rate of each step."""

import math


def learning_rate(step: int, steps: int, *, warmup: float = 0.05, final: float = 0.0) -> float:
    """Return the learning rate of a step as a share of the greatest: it grows in a line, then falls as a cosine.

    Ilya Loshchilov, Frank Hutter: SGDR, 2017, arXiv:1608.03983, without restarts.

    Args:
        step: Which one, from 0 on.
        steps: How many there are.
        warmup: The share of them in which it grows.
        final: Where the cosine ends.

    Raises:
        ValueError: There is no such step.

    Example:
        >>> from zoo_training import learning_rate
        >>> [round(learning_rate(step, 10, warmup=0.2), 2) for step in range(10)]
        [0.5, 1.0, 1.0, 0.96, 0.85, 0.69, 0.5, 0.31, 0.15, 0.04]
    """
    if not 0 <= step < steps:
        raise ValueError(f"There are steps 0 to {steps - 1}, found {step}.")
    growing = math.ceil(warmup * steps)
    if step < growing:
        return (step + 1) / growing
    progress = (step - growing) / max(1, steps - growing)
    return final + (1 - final) * (1 + math.cos(math.pi * progress)) / 2
