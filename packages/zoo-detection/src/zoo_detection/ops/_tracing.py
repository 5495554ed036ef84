"""Whether the code runs for its results, or is recorded."""

import torch


def is_tracing() -> bool:
    """Tell whether torch.export or torch.compile records, so that no value may decide what runs."""
    return torch.compiler.is_compiling()
