"""Whether the code runs for its results, or is recorded."""

import torch


def is_tracing() -> bool:
    """Tell whether torch.export or torch.compile records, so that no value may decide what runs."""
    return torch.compiler.is_compiling()


def is_exporting() -> bool:
    """Tell whether torch.export records, which, unlike torch.compile, cannot leave anything to Python."""
    return is_tracing() and not torch.compiler.is_dynamo_compiling()
