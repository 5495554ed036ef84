"""Drawing of what models say, on PIL images. Readable at any size; no torch in here."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
