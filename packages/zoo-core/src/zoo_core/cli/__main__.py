"""`python -m zoo_core.cli`, for where the command `zoo` is not on the path."""

from . import run

run()
