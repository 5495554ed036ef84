"""The final pass of MPI Sintel, with blur and fog."""

from functools import partial

from ._sintel import read_pass, recognises_pass

recognises = partial(recognises_pass, rendering="final")
read = partial(read_pass, rendering="final")
