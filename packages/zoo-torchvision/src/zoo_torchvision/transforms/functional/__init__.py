"""The functions that the classes call, with torchvision's names and arguments."""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
