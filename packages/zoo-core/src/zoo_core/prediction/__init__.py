"""Predictions on images: from files to typed results. Only predicting itself imports torch."""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
