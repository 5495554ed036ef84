"""The task of int8 models."""

from zoo_core.tasks import TOPK, Task

TASKS = (
    Task(
        name="quantization",
        predictor="zoo_core.prediction:ClassificationPredictor",
        results="classes",
        options=(TOPK,),
        arguments={"quantize": True},
        devices=("cpu",),
        pipeline_tag="image-classification",
        optimizable=False,
        evaluation="zoo_evaluation.tasks.classification:ClassificationEvaluation",
        export="zoo_export.programs.quantization:QuantizedProgram",
        embedder="zoo_core.embedding:ImageEmbedder",
    ),
)
