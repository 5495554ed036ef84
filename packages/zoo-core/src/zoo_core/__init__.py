"""zoo's core: the registry of models, weights that arrive verified, and the fast building of models from them.

Importing this package imports neither torch nor NumPy; nor does anything that lists, names, describes or fetches.
"""

from .stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
