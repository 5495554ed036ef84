"""The part of a network that computes some of its layers."""

from collections import OrderedDict
from collections.abc import Mapping

from torch import Tensor, nn


class IntermediateLayerGetter(nn.ModuleDict):
    """The children of a network up to the last one that is asked for; what follows is left out.

    Backbones are made of it: the names of the parameters stay those of the network, so its checkpoints fit. It is for
    networks that call their children one after the other; for all others there is `zoo_core.features`.

    Args:
        model: Its direct children are taken over, in their order.
        return_layers: The children whose outputs are wanted, with the names to return them by.

    Shape:
        The network's input, to an ordered dictionary of the outputs.

    Raises:
        ValueError: The network has no child of that name.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from zoo_core.layers import IntermediateLayerGetter
        >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.Flatten())
        >>> {name: tuple(features.shape) for name, features in
        ...  IntermediateLayerGetter(network, {"0": "fine", "2": "coarse"})(torch.zeros(1, 3, 8, 8)).items()}
        {'fine': (1, 8, 6, 6), 'coarse': (1, 16, 4, 4)}
    """

    def __init__(self, model: nn.Module, return_layers: Mapping[str, str]) -> None:
        # Not named_children(), which leaves out a module that occurs again, as an activation may.
        children = {name: child for name, child in model._modules.items() if child is not None}
        unknown = sorted(return_layers.keys() - children.keys())
        if unknown:
            raise ValueError(
                f"return_layers are not present in model: {type(model).__name__} has no {', '.join(unknown)}; "
                f"its children are {', '.join(children)}."
            )
        last = max(map(list(children).index, return_layers), default=-1)
        super().__init__(dict(list(children.items())[: last + 1]))
        self.return_layers = dict(return_layers)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Compute the layers that were asked for."""
        outputs: dict[str, Tensor] = OrderedDict()
        for name, layer in self.items():
            x = layer(x)
            if name in self.return_layers:
                outputs[self.return_layers[name]] = x
        return outputs
