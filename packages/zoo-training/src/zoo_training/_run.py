"""A finished run: its folder, which is a saved model, and what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core import get_model

if TYPE_CHECKING:
    from torch import nn
else:
    from zoo_core.names import Later

    nn = Later("torch.nn")


@dataclass(frozen=True, kw_only=True)
class Run:
    """What `train` returns.

    Args:
        folder: The saved model, with `recipe.toml`, `split.json` and `metrics.jsonl` beside it.
        metrics: Of the model that was kept, on the samples for validation.
        epochs: What was measured after each epoch.
        notes: What was noticed in the data.
    """

    folder: Path
    metrics: Mapping[str, float]
    epochs: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """By which the model is found: `"local-dir:runs/digits"`."""
        return f"local-dir:{self.folder}"

    def model(self) -> "nn.Module":
        """Build the model that was kept."""
        return get_model(self.name).eval()
