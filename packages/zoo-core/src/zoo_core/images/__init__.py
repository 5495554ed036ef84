"""Reading image files, whatever their format and pixel type, as the RGB that the models expect. No torch in here."""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
