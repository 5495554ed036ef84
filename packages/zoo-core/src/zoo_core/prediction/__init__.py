"""Predictions on images: from files to typed results. Only predicting itself imports torch."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
