"""Protocols: how numbers are measured, as data. What the published ones of each weights entry mean."""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
