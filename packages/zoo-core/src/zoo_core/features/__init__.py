"""Intermediate activations of any model: which there are, and a model that returns them."""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
