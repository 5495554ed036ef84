"""What a task is: a record that the package which brings the task states beside its catalogue. No torch in here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .names import Later, load_reference

if TYPE_CHECKING:
    from torch import nn

    from . import _weights, prediction
else:
    nn, _weights, prediction = Later("torch.nn"), Later("zoo_core._weights"), Later("zoo_core.prediction")

Media: TypeAlias = Literal["images", "videos", "image pairs"]
"""What a task predicts on. Image pairs are consecutive files of a folder, or as given: three frames are two pairs."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a task's predictor, and the flag of `zoo predict` for it: `--min-score` for `min_score`.

    Args:
        name: The argument of the predictor.
        type: What its values are; `bool` makes a flag without a value.
        help: A line for `zoo predict --help`.
        minimum: Least value of a number, if there is one.
        maximum: Greatest value, likewise.
        default: What the predictor takes where it is not given, if stated; the predictor's constructor has the same.
        fact: Under which name weights entries state their own value in `meta`, if they may: the predictor takes it
            where the option is not given.
    """

    name: str
    type: type[int] | type[float] | type[str] | type[bool]
    help: str
    minimum: float | None = None
    maximum: float | None = None
    default: Any = None
    fact: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task: how its models predict, and what is said of them.

    A package states the tasks that it brings as `TASKS` in `catalogue/tasks.py`. What needs torch is named,
    `"module:name"`, and imported when it is used. Whoever needs to know more of tasks (how they are evaluated, or
    trained) adds a field with a default that means "not for this task", so that older statements stay valid.

    Args:
        name: As the family files of the catalogue have it.
        predictor: `"module:Class"` of the task's `zoo_core.prediction.Predictor`.
        results: What predictions are called, for people: `"boxes"`.
        media: What the predictor reads.
        options: What its constructor takes, beyond what all take.
        arguments: What the models' builders need for weights of the task.
        devices: How the names of devices begin that the models run on; empty for all.
        pipeline_tag: What the Hub calls the task, where it has a name for it.
        example: `"module:function"`, called as `function(model, weights, count)`, gives what the model can be called
            with to try it: of the size that the weights entry wants, if one is given, and so many inputs at once, if
            the model takes a batch.
        optimizable: Whether `zoo_core.inference.optimize` can make the models faster.
        raw_document: The name of a file, and `"module:function"`: called as `function(rows, weights)` with the rows of
            a run that was told to keep raw results, and the weights entry, it yields the text of that file, in parts.
        frames: For a task on videos: `"module"`, which reads and writes frames (as `zoo_core.prediction.VideoModule`)
            for the tasks on images.
        evaluation: `"module:Class"` of the task's `zoo_evaluation.Evaluation`, if its models can be evaluated.
        training: `"module:Class"` of the task's `zoo_training.Training`, if its models can be trained.
        export: `"module:Class"` of the task's `zoo_export.Program`, if its models can be exported.
        embedder: `"module:Class"` of a predictor that gives a `zoo_core.embedding.Embedding` for each input, if its
            models are divided where their features end. Its constructor takes `normalize`, too.
        embedder_options: What its constructor takes, beyond what all embedders take.

    Raises:
        ValueError: A reference has another form.

    Example:
        >>> from zoo_core.tasks import Task
        >>> Task(name="depth", predictor="my_zoo.prediction:DepthPredictor", results="depths").media
        'images'
    """

    name: str
    predictor: str
    results: str
    media: Media = "images"
    options: tuple[Option, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    devices: tuple[str, ...] = ()
    pipeline_tag: str | None = None
    example: str = "zoo_core.inference:image_example"
    optimizable: bool = True
    raw_document: tuple[str, str] | None = None
    frames: str | None = None
    evaluation: str | None = None
    training: str | None = None
    export: str | None = None
    embedder: str | None = None
    embedder_options: tuple[Option, ...] = ()

    def __post_init__(self) -> None:
        document = self.raw_document[1] if self.raw_document else None
        named = (self.predictor, self.example, document, self.evaluation, self.training, self.export, self.embedder)
        for reference in named:
            if reference is None:
                continue
            module, _, name = reference.partition(":")
            if not (module and name):
                raise ValueError(f"The task {self.name} refers to {reference!r}: expected 'module:name'.")

    def predictor_class(self) -> "type[prediction.Predictor[Any, Any]]":
        """Import the predictor."""
        return load_reference(self.predictor)  # type: ignore[no-any-return]

    def example_inputs(
        self, model: "nn.Module", weights: "_weights.WeightsEnum | None" = None, count: int = 1
    ) -> tuple[Any, ...]:
        """Return what a model of the task can be called with."""
        return load_reference(self.example)(model, weights, count)  # type: ignore[no-any-return]


TOPK = Option("topk", int, "Classes to report for an image or a video.", minimum=1, default=5)
"""The option of predictors of classes, such as `zoo_core.prediction.ClassificationPredictor`."""
