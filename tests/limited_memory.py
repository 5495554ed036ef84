"""Running code in a process of its own that may not take more memory than that, nor more time."""

import os
import subprocess
import sys

TORCH = 0.57
"""GiB of address space that importing torch takes where it is for CPUs alone; with what is for GPUs it is about 3."""
_WITH_TORCH = f"""
import resource
import torch
with open("/proc/self/statm") as numbers:
    pages = int(numbers.read().split()[0])
limit = pages * resource.getpagesize() + int(({{gibibytes}} - {TORCH}) * 2**30)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
"""
_WITHOUT_TORCH = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (int({gibibytes} * 2**30),) * 2)
"""


def output_within(gibibytes: float, code: str, *arguments: object, seconds: float = 60, with_torch: bool = True) -> str:
    """Return what `code` prints, whose address space is limited.

    Args:
        gibibytes: The limit. What it imports of torch counts as `TORCH`, whatever it takes here.
        code: Finds the arguments in `sys.argv[1:]`.
        arguments: As text.
        seconds: How long it may take.
        with_torch: Whether it needs torch, which is then imported before.

    Raises:
        AssertionError: It ended with an error; its last lines are in the message.
        subprocess.TimeoutExpired: It took longer.
    """
    script = (_WITH_TORCH if with_torch else _WITHOUT_TORCH).format(gibibytes=gibibytes) + code
    command = [sys.executable, "-W", "error", "-c", script, *map(str, arguments)]
    threads = {"OMP_NUM_THREADS": "1"}  # each has address space of its own
    done = subprocess.run(
        command, env=os.environ | threads, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"ended with {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout
