"""The task that this package brings."""

from zoo_core.tasks import TOPK, Option, Task

_CLIPS = (
    Option(
        "num_clips",
        int,
        "Clips of a video, spread over it. [default: the weights' own]",
        minimum=1,
        fact="clips_per_video",
    ),
    Option("num_frames", int, "Frames of a clip. [default: the weights' own]", minimum=1, fact="clip_len"),
    Option(
        "frame_rate",
        float,
        "Frames a second within a clip. [default: the weights' own]",
        minimum=0.001,
        fact="frame_rate",
    ),
)

TASKS = (
    Task(
        name="video",
        predictor="zoo_video.prediction:VideoPredictor",
        results="classes",
        media="videos",
        options=(TOPK, *_CLIPS),
        pipeline_tag="video-classification",
        example="zoo_video.prediction:example",
        frames="zoo_video.frames",
        evaluation="zoo_evaluation.tasks.video:VideoEvaluation",
        export="zoo_export.programs.video:VideoProgram",
        training="zoo_training.tasks.video:VideoTraining",
        embedder="zoo_video.prediction:VideoEmbedder",
        embedder_options=_CLIPS,
    ),
)
