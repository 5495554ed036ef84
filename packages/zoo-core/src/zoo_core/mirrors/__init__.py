"""Mirrors of weights: fill a folder or a Hugging Face Hub repository, and compare one with the catalogue."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
