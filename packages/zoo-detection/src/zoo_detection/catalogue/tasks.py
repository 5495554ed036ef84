"""The task that this package brings."""

from zoo_core.tasks import Option, Task

MIN_SCORE = Option("min_score", float, "Least score of an object that is reported.", minimum=0, maximum=1, default=0.5)

TASKS = (
    Task(
        name="detection",
        predictor="zoo_detection.prediction:DetectionPredictor",
        results="objects",
        options=(MIN_SCORE,),
        pipeline_tag="object-detection",
        example="zoo_detection.prediction:example",
        raw_document=("detections.json", "zoo_detection.coco_format:result_document"),
        evaluation="zoo_evaluation.tasks.detection:DetectionEvaluation",
        export="zoo_export.programs.detection:DetectionProgram",
        training="zoo_training.tasks.detection:DetectionTraining",
    ),
)
