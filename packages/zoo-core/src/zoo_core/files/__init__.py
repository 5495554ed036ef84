"""From a weights entry to a verified local file: search, fetch, verify, and the caches they share. Torch-free."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
