"""Runs the fuzzers, each in a process of limited memory: `python -m fuzz [SECONDS] [SEED] [NAME...]`.

What a reader does with a file that it cannot handle ends the run with the file in the message; a file that takes longer
than `LONGEST` is one, too, and so is more memory than `MOST_MEMORY`.
"""

import os
import subprocess
import sys
import time

READERS = {
    "images": "fuzz.images:run",
    "flow": "fuzz.flow:run",
    "kitti": "fuzz.kitti:run",
    "checkpoints": "fuzz.checkpoints:run",
    "video": "fuzz.video:run",
    "manifest": "fuzz.documents:run_manifest",
    "lock": "fuzz.documents:run_lock",
    "bundle": "fuzz.documents:run_bundle",
    "results": "fuzz.documents:run_results",
}
MOST_MEMORY = 4 << 30
LONGEST = 120.0
"""Seconds after its time until a reader that gives no answer is ended: it hangs."""
CODE = """
import importlib, resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))
module, _, name = sys.argv[1].partition(":")
print(getattr(importlib.import_module(module), name)(float(sys.argv[2]), int(sys.argv[3])))
"""


def main(seconds: str = "300", seed: str = str(int(time.time())), *names: str) -> None:
    """Run the fuzzers of these names, or all, so many seconds each."""
    failed = []
    for name in names or READERS:
        command = [sys.executable, "-c", CODE.format(limit=MOST_MEMORY), READERS[name], seconds, seed]
        try:
            done = subprocess.run(
                command, check=False, stdout=subprocess.PIPE, text=True, timeout=float(seconds) + LONGEST
            )
            said = done.stdout.strip() if done.returncode == 0 else f"ended with {done.returncode}"
        except subprocess.TimeoutExpired:
            said = "hangs"
        sys.stdout.write(f"{name:<12}  seed {seed}  {said}\n")
        sys.stdout.flush()
        if said == "hangs" or said.startswith("ended with"):
            failed.append(name)
    if failed:
        sys.exit(f"found something: {', '.join(failed)}")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(*sys.argv[1:])
