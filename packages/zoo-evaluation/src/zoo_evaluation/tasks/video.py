"""Evaluation of what videos show: classes, as of images; a video's probabilities are the mean of its clips'."""

from typing import ClassVar

from .classification import ClassificationEvaluation


class VideoEvaluation(ClassificationEvaluation):
    """Keeps the most probable classes of each video, and counts how often the right one is among them.

    The predictor takes the clips that the weights entry states, and averages the softmax over those of a video. An
    entry whose published numbers count clips (S3D's) takes one of each video, which comes to the same.
    """

    holds: ClassVar[str] = "videos"
