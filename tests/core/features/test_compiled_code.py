"""Networks that hand tensors to compiled code: their features are right, and no process dies."""

import subprocess
import sys
from pathlib import Path

from .compiled_code import CASES


def test_features_are_those_of_hooks_whatever_compiled_code_gets():
    script = Path(__file__).with_name("compiled_code.py")
    left, failures = [*CASES, "dense"], {}
    while left:  # a case that fails, or ends the process, leaves those after it to another one
        done = subprocess.run([sys.executable, str(script), *left], capture_output=True, text=True, check=False)
        right = done.stdout.splitlines()
        assert right == left[: len(right)]
        failed = left[len(right) :]
        if done.returncode:
            failures[failed[0] if failed else "at the end"] = done.stderr
        left = failed[1:]
    assert failures == {}
