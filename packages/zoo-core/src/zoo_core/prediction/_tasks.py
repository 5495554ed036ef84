"""The tasks that there is prediction for. No torch in here: a predictor is imported when one is made."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zoo_core._registry import get_model_entry

from ._sources import Media

if TYPE_CHECKING:
    from ._predictor import Predictor


@dataclass(frozen=True, slots=True)
class Task:
    """How models of a task predict.

    Args:
        predictor: `"module:Class"` of the task's `Predictor`.
        media: What it predicts on.
        options: The options that its constructor takes, beyond those that all have.
        arguments: What the models' builders need for weights of the task.
        devices: The devices that the models run on; empty for all.
    """

    predictor: str
    media: Media = "images"
    options: frozenset[str] = frozenset()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    devices: tuple[str, ...] = ()

    def predictor_class(self) -> "type[Predictor[Any, Any]]":
        """Import the predictor."""
        module, _, name = self.predictor.partition(":")
        return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]


_CLASSIFIER = "zoo_core.prediction._classification:ClassificationPredictor"

TASKS: Mapping[str, Task] = {
    "classification": Task(_CLASSIFIER, options=frozenset({"topk"})),
    "quantization": Task(_CLASSIFIER, options=frozenset({"topk"}), arguments={"quantize": True}, devices=("cpu",)),
    "segmentation": Task("zoo_segmentation.prediction:SegmentationPredictor"),
    "detection": Task("zoo_detection.prediction:DetectionPredictor", options=frozenset({"min_score"})),
    "video": Task("zoo_video.prediction:VideoPredictor", media="videos", options=frozenset({"topk"})),
    "optical_flow": Task("zoo_flow.prediction:FlowPredictor", media="image pairs"),
}


def task_of(model: str) -> Task:
    """Return how a registered model predicts.

    Raises:
        ValueError: No model has that name, or there is no prediction for its task.
    """
    entry = get_model_entry(model)
    if entry.task not in TASKS:
        raise ValueError(f"{model} is for {entry.task}; prediction is there for {', '.join(TASKS)}.")
    return TASKS[entry.task]
