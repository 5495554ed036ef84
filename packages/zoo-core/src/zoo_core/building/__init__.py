"""Building a model from a weights entry, for about the cost of mapping its file."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
