"""The command line `zoo`. Data goes to stdout, progress and logs to stderr; 0 is fine, 1 a failure, 2 wrong usage."""

from ._main import main

__all__ = ["main"]
