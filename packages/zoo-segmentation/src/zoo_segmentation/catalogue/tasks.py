"""The task that this package brings."""

from zoo_core.tasks import Option, Task

TASKS = (
    Task(
        name="segmentation",
        predictor="zoo_segmentation.prediction:SegmentationPredictor",
        results="classes of pixels",
        options=(
            Option(
                "labels_at",
                str,
                "Size of label maps: that of the image, or of the model's input. [default: image]",
                default="image",
            ),
        ),
        pipeline_tag="image-segmentation",
        evaluation="zoo_evaluation.tasks.segmentation:SegmentationEvaluation",
        export="zoo_export.programs.segmentation:SegmentationProgram",
        training="zoo_training.tasks.segmentation:SegmentationTraining",
    ),
)
