"""Where the clips of a video are."""


def clip_times(duration: float, *, num_frames: int, frame_rate: float, num_clips: int) -> list[list[float]]:
    """Spread clips evenly over a video.

    Args:
        duration: Of the video, in seconds, to the time of its last frame.
        num_frames: Frames of each clip.
        frame_rate: Frames a second within a clip.
        num_clips: How many clips; they overlap where the video is short. One is taken from the middle.

    Returns:
        The times of the frames of each clip, in seconds, the first clip's from 0. Where the video is shorter than a
        clip they go beyond its end.

    Raises:
        ValueError: A number is not positive.

    Example:
        >>> from zoo_video.io import clip_times
        >>> clip_times(2.0, num_frames=3, frame_rate=2.0, num_clips=2)
        [[0.0, 0.5, 1.0], [1.0, 1.5, 2.0]]
    """
    for name, value in (("num_frames", num_frames), ("frame_rate", frame_rate), ("num_clips", num_clips)):
        if not value > 0:
            raise ValueError(f"{name} should be positive, found {value}.")
    room = max(0.0, duration - (num_frames - 1) / frame_rate)
    starts = [room * number / (num_clips - 1) for number in range(num_clips)] if num_clips > 1 else [room / 2]
    return [[start + number / frame_rate for number in range(num_frames)] for start in starts]
