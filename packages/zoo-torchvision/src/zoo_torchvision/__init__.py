"""A module named torchvision, made of zoo: for programs that import torchvision where it is absent or broken.

    import zoo_torchvision
    zoo_torchvision.install()

or, for a program that stays as it is, `python -m zoo_torchvision program.py`. Nothing of it is imported before the
program uses it, and torch is not imported before that either.
"""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
