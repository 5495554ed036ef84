"""Prints which containers and codecs are read rightly in which ways, and what ffprobe says of them where it is there.

    nox -s video_table

A cell is ok where reading gives the frames and times that were encoded. ffprobe counts frames, and tells times from
what FFmpeg guesses of a container without times of its own: where it differs the table says so, and it is no failure.
"""

import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from video.table import CASES, COUNT, RATE, WAYS, results


def main() -> None:
    failures = []
    print(
        f"{COUNT} frames, {RATE} a second\n\n| file | {' | '.join(WAYS)} | ffprobe |\n|---|{'---|' * (len(WAYS) + 1)}"
    )
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(action="error"):
            found = dict(results(case, Path(folder)))
            said = of_ffprobe(next(Path(folder).iterdir()))
        failures += [f"{case}: {way}: {result}" for way, result in found.items() if result is not True]
        cells = ["ok" if result is True else "BAD" for result in found.values()]
        print(f"| {case} | {' | '.join(cells)} | {said} |", flush=True)
    if failures:
        sys.exit("\n".join(failures))


def of_ffprobe(path: Path) -> str:
    """Return how ffprobe's frames and times differ from those that were encoded."""
    if shutil.which("ffprobe") is None:
        return "not installed"
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp_time"]
    done = subprocess.run([*command, "-of", "csv=p=0", str(path)], capture_output=True, text=True, check=False)
    lines = [line.strip(",") for line in done.stdout.split()]
    if len(lines) != COUNT:
        return f"{len(lines)} frames"
    if "N/A" in lines:
        return "no times"
    times = [float(line) - float(lines[0]) for line in lines]
    wrong = [number for number, time in enumerate(times) if abs(time - number / RATE) > 2e-3]
    return f"time {times[wrong[0]]:.3f} s of frame {wrong[0]}" if wrong else "same"


if __name__ == "__main__":
    main()
