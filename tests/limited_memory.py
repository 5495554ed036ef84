"""Running code in a process of its own that may not take more memory than that, nor more time."""

import subprocess
import sys

_PREAMBLE = """
import resource
resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))
"""


def output_within(gibibytes: float, code: str, *arguments: object, seconds: float = 60) -> str:
    """Return what `code` prints, whose address space is limited; torch alone takes about 0.6 GiB of it.

    Args:
        gibibytes: The limit.
        code: Finds the arguments in `sys.argv[1:]`.
        arguments: As text.
        seconds: How long it may take.

    Raises:
        AssertionError: It ended with an error; its last lines are in the message.
        subprocess.TimeoutExpired: It took longer.
    """
    script = _PREAMBLE.format(limit=int(gibibytes * 2**30)) + code
    command = [sys.executable, "-W", "error", "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"ended with {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout
