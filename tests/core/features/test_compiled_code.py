"""Networks that hand tensors to compiled code: their features are right, and no process dies."""

import subprocess
import sys
from pathlib import Path

import pytest

from .compiled_code import CASES


@pytest.mark.parametrize("case", [*CASES, "dense"])
def test_features_are_those_of_hooks_whatever_compiled_code_gets(case):
    script = Path(__file__).with_name("compiled_code.py")
    done = subprocess.run([sys.executable, str(script), case], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
