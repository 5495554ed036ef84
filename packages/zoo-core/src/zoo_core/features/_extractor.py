"""The module that `extract_features` makes."""

from collections.abc import Callable
from typing import Any, TypeAlias

from torch import Tensor, fx, nn

from ._interception import Interception

_BY_KEYWORD = object()
"""Stands for the first input where that is given by its name."""


Forward: TypeAlias = Callable[..., dict[str, Any]]
"""Returns features by key, computed by the modules and parameters of an extractor, which comes before the inputs."""


class FeatureExtractor(nn.Module):
    """Returns named activations of a model; made by `extract_features` and `create_feature_extractor`.

    Its parameters, buffers and modules are the model's own, under their names, as far as they are needed. A checkpoint
    of the whole model loads: what belongs to modules that are not needed is left out. Everything else that is missing
    or unexpected is an error, as it is for the model.

    Args:
        model: The whole model.
        part: The modules, parameters and buffers of it that the extractor takes over.
        in_training: What is done in training mode.
        in_evaluation: What is done in evaluation mode.
        only_tensors: Refuse features that are something else.

    Shape:
        What the model takes, to a dictionary of tensors.
    """

    def __init__(
        self,
        model: nn.Module,
        part: nn.Module,
        in_training: Forward,
        in_evaluation: Forward,
        *,
        only_tensors: bool = True,
    ) -> None:
        super().__init__()
        self._only_tensors = only_tensors
        self._in_training = in_training
        self._in_evaluation = in_evaluation
        for name in ("_modules", "_parameters", "_buffers", "_non_persistent_buffers_set"):
            vars(self)[name] = vars(part)[name]  # the very ones: an intercepted network has to see what is loaded
        for name in ("classifiers", "auxiliaries"):  # what load_checkpoint asks for
            if hasattr(model, name):
                setattr(self, name, getattr(model, name))
        self._left_out = frozenset(model.state_dict()) - frozenset(self.state_dict())
        self.register_load_state_dict_pre_hook(_leave_out)  # type: ignore[no-untyped-call]
        self.training = model.training

    def forward(self, images: Any = _BY_KEYWORD, /, *more: Any, **keywords: Any) -> dict[str, Tensor]:
        """Compute the features of `images`, or whatever the model takes."""
        compute = self._in_training if self.training else self._in_evaluation
        inputs = () if images is _BY_KEYWORD else (images, *more)
        features = compute(self, *inputs, **keywords)
        for key, feature in features.items():
            if self._only_tensors and not isinstance(feature, (Tensor, fx.Proxy)):
                raise TypeError(f"feature {key!r} should be a tensor, found {type(feature).__name__}: ask for another")
        return features

    def train(self, mode: bool = True) -> "FeatureExtractor":
        """Switch between training and evaluation mode; so do the modules that are shared with the model."""
        super().train(mode)
        for compute in (self._in_training, self._in_evaluation):
            if isinstance(compute, Interception):
                compute.network.training = mode
        return self


def _leave_out(extractor: FeatureExtractor, state: dict[str, Any], prefix: str, *_: object) -> None:
    """Take what the extractor does not need out of a checkpoint of the whole model."""
    for name in extractor._left_out:
        state.pop(prefix + name, None)
