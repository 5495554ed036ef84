"""Image classification models as int8, by torch's eager quantization: the builders of 12 models, `quantize=True`.

`zoo_core.get_model` has them under the prefix `quantized_`. Importing this package imports neither torch nor a model:
names are resolved on use.
"""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
