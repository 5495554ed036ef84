"""Features of images and videos before the classifier, as vectors. Only computing them imports torch."""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
