"""Turns programs that were written for torchvision into programs for zoo's packages; `zoo migrate` is made of it.

Needs libcst: `pip install 'zoo-torchvision[migrate]'`. What zoo's packages do not have stays as it is, and is listed.
"""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
