"""Several models side by side: how good they are, and what they cost, on one data set and one machine."""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
