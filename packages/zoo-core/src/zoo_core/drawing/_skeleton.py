"""What links the keypoints of people."""

from collections.abc import Sequence

_LIMBS = (
    ("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear"), ("right_eye", "right_ear"),
    ("left_shoulder", "right_shoulder"), ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
    ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"), ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"), ("left_hip", "right_hip"), ("left_hip", "left_knee"), ("left_knee", "left_ankle"),
    ("right_hip", "right_knee"), ("right_knee", "right_ankle"),
)  # fmt: skip
"""Of the 17 keypoints of the COCO data set."""


def skeleton_of(keypoint_names: Sequence[str]) -> list[tuple[int, int]]:
    """Return which keypoints of a person lines link, as pairs of indices.

    Args:
        keypoint_names: Names as in the metadata of weights, `"left_elbow"` say. Others are linked to nothing.

    Example:
        >>> skeleton_of(["left_wrist", "nose", "left_elbow"])
        [(2, 0)]
    """
    places = {name: place for place, name in enumerate(keypoint_names)}
    return [(places[first], places[second]) for first, second in _LIMBS if first in places and second in places]
