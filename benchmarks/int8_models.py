"""Int8 models of torchvision and of zoo with the same state, for the benchmarks that compare them."""

import torch
import torchvision
from torch import Tensor, nn
from torch.ao import quantization

from reference.fill import calibrate_, fill_, image_batch
from zoo_core import get_model, get_model_weights, list_models
from zoo_core.checkpoints import quiet_quantization

MODELS = list_models("zoo_classification.quantization")
TRAINED = "quantized_mobilenet_v3_large"
"""The model whose published file holds the network as it was prepared for training, not int8."""


def images_for(name: str, batch: int = 1) -> Tensor:
    """Return images of the size that a model is for."""
    side = 299 if name.endswith("inception_v3") else 224
    return image_batch((batch, 3, side, side))


def backend_of(name: str) -> str:
    """Return the engine that a model's published weights are for."""
    return str(get_model_weights(name)["DEFAULT"].meta["backend"])


def floating(name: str) -> nn.Module:
    """Build torchvision's float model with synthetic parameters, all of whose layers matter to the output."""
    extra = {"init_weights": False} if name.endswith(("googlenet", "inception_v3")) else {}
    return calibrate_(fill_(torchvision.models.get_model(name, weights=None, **extra)), images_for(name))


def converted(name: str, model: nn.Module) -> nn.Module:
    """Quantize torchvision's float model after training, as for its published weights."""
    torch.backends.quantized.engine = backend_of(name)
    with quiet_quantization():
        model.fuse_model()
        model.qconfig = quantization.get_default_qconfig(backend_of(name))
        quantization.prepare(model, inplace=True)
        model(images_for(name))
        quantization.convert(model, inplace=True)
    return model


def prepared(name: str, model: nn.Module) -> nn.Module:
    """Prepare torchvision's float model for quantization-aware training, and let it see images."""
    with quiet_quantization():
        model.train().fuse_model(is_qat=True)
        model.qconfig = quantization.get_default_qat_qconfig(backend_of(name))
        quantization.prepare_qat(model, inplace=True)
    with torch.no_grad():
        model(images_for(name, batch=2))
    return model


def ours_of(name: str, state: dict[str, Tensor]) -> nn.Module:
    """Build zoo's int8 model with a state."""
    model = get_model(name, quantize=True)
    model.load_state_dict(state)
    return model
