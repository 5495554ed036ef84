"""The task that this package brings."""

from zoo_core.tasks import TOPK, Task

TASKS = (
    Task(
        name="classification",
        predictor="zoo_core.prediction:ClassificationPredictor",
        results="classes",
        options=(TOPK,),
        pipeline_tag="image-classification",
        evaluation="zoo_evaluation.tasks.classification:ClassificationEvaluation",
        export="zoo_export.programs.classification:ClassificationProgram",
        training="zoo_training.tasks.classification:ClassificationTraining",
        embedder="zoo_core.embedding:ImageEmbedder",
    ),
)
