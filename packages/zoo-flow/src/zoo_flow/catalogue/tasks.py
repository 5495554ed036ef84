"""The task that this package brings."""

from zoo_core.tasks import Option, Task

TASKS = (
    Task(
        name="optical_flow",
        predictor="zoo_flow.prediction:FlowPredictor",
        results="flow",
        media="image pairs",
        options=(
            Option("num_flow_updates", int, "Iterations; more take longer. [default: the model's, 12]", minimum=1),
            Option(
                "padding",
                str,
                "Where rows are added to images: sintel for both sides, kitti for below. [default: sintel]",
                default="sintel",
            ),
        ),
        example="zoo_flow.prediction:example",
        evaluation="zoo_evaluation.tasks.flow:FlowEvaluation",
        export="zoo_export.programs.flow:FlowProgram",
        training="zoo_training.tasks.flow:FlowTraining",
    ),
)
