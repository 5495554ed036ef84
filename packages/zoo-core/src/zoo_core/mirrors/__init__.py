"""Mirrors of weights: fill a folder or a Hugging Face Hub repository, and compare one with the catalogue."""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
