"""Reads checkpoint files, in each of the three forms that weights are published in."""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
