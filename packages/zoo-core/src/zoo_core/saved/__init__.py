"""Models of one's own: saved as a folder, published on a Hub, and built again by name.

Such a folder is data, no code: `model.safetensors`, `config.json` (which says how the network is built, and what the
weights are), `README.md` (the model card), and `manifest.json` with the SHA-256 of the others. A name,
`local-dir:folder` or `hf-hub:organisation/name@revision`, stands wherever the name of a model does.
"""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
