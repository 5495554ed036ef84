"""Image classification models as int8, or as floats to be quantized by torch: the builders of 12 models.

`zoo_core.get_model` has them under the prefix `quantized_`. Importing this package imports neither torch nor a model:
names are resolved on use.
"""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
