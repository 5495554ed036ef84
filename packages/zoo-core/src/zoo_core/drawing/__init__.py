"""Drawing of what models say, on PIL images. Readable at any size; no torch in here."""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
