"""Semantic segmentation models. Importing this package imports neither torch nor a model: names are resolved on use."""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
