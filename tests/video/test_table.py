"""Every container and codec gives the same frames and times, whatever way they are read in."""

import pytest

from video.table import EACH, WAYS, results


@pytest.mark.parametrize("case", EACH)
def test_all_ways_of_reading_give_the_frames_and_times_that_were_written(tmp_path, case):
    assert dict(results(case, tmp_path)) == dict.fromkeys(WAYS, True)
