"""Networks that others are built on, and what a call says about them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from torch import nn

from zoo_core._weights import WeightsEnum

from ._deprecated import warn_caller

B = TypeVar("B", bound=WeightsEnum)
N = TypeVar("N", bound=nn.Module)
N_co = TypeVar("N_co", bound=nn.Module, covariant=True)


@dataclass(frozen=True, kw_only=True)
class Backbone(Generic[B, N_co]):
    """A network that others are built on. Their builders take `weights_backbone`, and what follows from it.

    Args:
        build: Its builder.
        pretrained: The weights that `pretrained_backbone=True` has always stood for.
        from_scratch: Whether it gets no weights if a call says nothing, instead of these.
        layers: Into how many layers it is divided, of which the first can be frozen: builders then take
            `trainable_backbone_layers`. 0: all of it trains, and they do not.
        trainable: How many of these train if a call says nothing, counted from the last.

    Example:
        >>> from zoo_core.building import Backbone
        >>> from zoo_classification import ResNet50_Weights, resnet50
        >>> Backbone(build=resnet50, pretrained=ResNet50_Weights.IMAGENET1K_V1, layers=5, trainable=3).default
        ResNet50_Weights.IMAGENET1K_V1
    """

    build: Callable[..., N_co]
    pretrained: B
    from_scratch: bool = False
    layers: int = 0
    trainable: int = 0

    @property
    def default(self) -> B | None:
        """The weights that it gets if a call says nothing."""
        return None if self.from_scratch else self.pretrained

    def choose(
        self, weights: WeightsEnum | None, trainable_layers: int | None, is_loaded: bool, *, progress: bool
    ) -> "ChosenBackbone[N_co]":
        """Return what a call says about this backbone.

        Args:
            weights: For the backbone.
            trainable_layers: How many layers the call wants to train, if it says so.
            is_loaded: Whether the network that stands on it gets weights, which hold the backbone's.
            progress: Show a bar while downloading.

        Raises:
            ValueError: There are not so many layers.
        """
        is_trained = is_loaded or weights is not None
        trainable = self._trainable(trainable_layers, is_trained=is_trained)
        return ChosenBackbone(self.build, None if is_loaded else weights, progress, is_trained, trainable)

    def _trainable(self, wanted: int | None, *, is_trained: bool) -> int:
        """Return how many layers train: all where none has been trained, else as wanted."""
        if not is_trained:
            if wanted is not None:
                warn_caller(
                    "trainable_backbone_layers= has no effect without weights= or weights_backbone=: all "
                    f"{self.layers} layers of the backbone train."
                )
            return self.layers
        if wanted is None:
            return self.trainable
        require_layers("Trainable backbone layers", wanted, self.layers)
        return wanted


@dataclass(frozen=True)
class ChosenBackbone(Generic[N_co]):
    """A backbone as a call wants it; given to a function that is decorated with `builder(…, backbone=…)`.

    Args:
        builder: Of the backbone.
        weights: To be loaded into it; `None` where a file holds the whole network, or there are none.
        progress: Show a bar while downloading.
        is_trained: Whether it will have weights, of its own or from the file of the whole network.
        trainable_layers: How many of its layers train, counted from the last.
    """

    builder: Callable[..., N_co]
    weights: WeightsEnum | None
    progress: bool
    is_trained: bool
    trainable_layers: int

    def build(self, **kwargs: Any) -> N_co:
        """Build it, with its weights if it has some; `kwargs` are for its builder."""
        return self.builder(weights=self.weights, progress=self.progress, **kwargs)


def require_layers(what: str, number: int, greatest: int) -> None:
    """Check a number of layers.

    Raises:
        ValueError: It is less than 0, or more than there are.
    """
    if not 0 <= number <= greatest:
        raise ValueError(f"{what} should be in the range [0,{greatest}], got {number}")
