"""How good models are: data sets read, published protocols followed, numbers computed from files, records kept.

Listing and describing protocols imports no torch; evaluating a model does.
"""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
