"""Files damaged at random give frames or the documented errors; `tests/fuzz/video.py` goes on for longer."""

from fuzz import video


def test_damaged_files_give_frames_or_the_documented_errors():
    assert video.run(seconds=5, seed=0) > 10
