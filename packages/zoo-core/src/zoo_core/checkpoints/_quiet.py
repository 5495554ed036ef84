"""What torch warns of where int8 is used."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_END_OF_QUANTIZATION: tuple[tuple[str, type[Warning]], ...] = (
    (r"torch\.ao\.quantization is deprecated", DeprecationWarning),
    (r"torch\.quantize_per_tensor, .* are deprecated", UserWarning),
    (r"TypedStorage is deprecated", UserWarning),  # torch's own code, where it reads quantized tensors
    (r"must run observer before calling calculate_qparams", UserWarning),  # of additions that a network does without
    (r"Please use quant_min and quant_max .*\s*reduce_range will be deprecated", UserWarning),
)
"""What torch warns of; 2.10 began to."""


@contextmanager
def quiet_quantization() -> Iterator[None]:
    """Inside, torch says nothing of the end of its eager quantization, which int8 files and models need.

    The project's answer to that end is in docs/decisions.md; users can do nothing about it.
    """
    with warnings.catch_warnings():
        for message, category in _END_OF_QUANTIZATION:
            warnings.filterwarnings("ignore", message, category)
        yield
