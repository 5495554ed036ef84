"""The command line `zoo`. Data goes to stdout, progress and logs to stderr; 0 is fine, 1 a failure, 2 wrong usage."""

import gc

from ._main import main
from ._terminal import escape_warnings

__all__ = ["main", "run"]


def run() -> None:
    """Be the process `zoo`."""
    escape_warnings()
    gc.freeze()  # what has been imported stays: neither collections nor the end of the process need to look through it
    main(prog_name="zoo")
