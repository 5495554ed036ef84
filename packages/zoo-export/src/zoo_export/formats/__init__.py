"""Formats: how a recorded program becomes a file, and how that runs in its own runtime."""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
