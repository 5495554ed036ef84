"""What all networks that score classes have in common: features, a head, and a classifier that can be replaced."""

from typing import ClassVar

from torch import Tensor, nn

from ._origin import origin_of, remember_origin


class ClassificationNetwork(nn.Module):
    """A network that scores classes, divided where its features end, under the names that timm made usual.

    For each network, `forward(x)` equals `forward_head(forward_features(x))` bit by bit; those with auxiliary
    classifiers give their scores beside it in training. Features are what the network has before it pools: maps
    `(N, C, H, W)` of convolutional networks, `(N, H, W, C)` of Swin Transformers, tokens `(N, L, C)` of Vision
    Transformers, the class token first; `(N, C, T, H, W)` and the like for clips.

    A network states `classifiers`, `num_features` and `num_classes`, and has two methods: `_extract` gives the
    features, `_pool` what the head takes. The head is the module that the first of `classifiers` is in, or is.

    Example:
        >>> import torch
        >>> from zoo_classification import mobilenet_v3_small
        >>> model = mobilenet_v3_small().eval()
        >>> features = model.forward_features(torch.zeros(1, 3, 64, 64))
        >>> features.shape, model.forward_head(features).shape
        (torch.Size([1, 576, 2, 2]), torch.Size([1, 1000]))
        >>> model.reset_classifier(0)
        >>> model(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 1024])
    """

    __jit_unused_properties__: ClassVar[list[str]] = ["head_hidden_size"]

    classifiers: ClassVar[tuple[str, ...]] = ()
    """The modules whose shape depends on the number of classes; the first gives the scores."""
    num_features: int
    """Channels of the features."""
    num_classes: int
    """Width of the classifier; 0 for none."""

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the features of images `x`, before they are pooled."""
        return self._extract(x)

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """Score features, `(N, num_classes)`.

        Args:
            features: As `forward_features` gives them.
            pre_logits: Return what the classifier would be given, `(N, head_hidden_size)`, instead.
        """
        pooled = self._pool(features)
        head, _, last = self.classifiers[0].partition(".")
        module = self.get_submodule(head)
        if not pre_logits:
            scores: Tensor = module(pooled)
            return scores
        for name, layer in module.named_children() if last else ():
            if name != last:
                pooled = layer(pooled)
        return pooled

    def get_classifier(self) -> nn.Module:
        """Return the layer that gives the scores: an `nn.Identity` where there is none."""
        return self.get_submodule(self.classifiers[0])

    def reset_classifier(self, num_classes: int) -> None:
        """Replace the classifier, the auxiliary ones too, by a new one, initialised as PyTorch initialises its layers.

        Args:
            num_classes: Its width; 0 for none: the network then gives what the classifier would be given,
                `(N, head_hidden_size)`.

        Raises:
            ValueError: It is negative.
        """
        if num_classes < 0:
            raise ValueError(f"num_classes should be 0 or more, found {num_classes}")
        like = next(self.parameters())
        modules = dict(self.named_modules())
        for name in self.classifiers:
            parent, _, last = name.rpartition(".")
            owner = modules.get(parent)
            if owner is not None:  # a network may be built without its auxiliary classifiers
                new = _classifier_like(getattr(owner, last), num_classes).to(like.device, like.dtype)
                setattr(owner, last, new.train(self.training))
        self.num_classes = num_classes
        origin = origin_of(self)
        if origin is not None:
            remember_origin(self, origin.given(num_classes=num_classes))

    @property
    def head_hidden_size(self) -> int:
        """The width of what the classifier is given, and of what the network gives without one."""
        return _form_of(self.get_classifier())[0]

    def _extract(self, images: Tensor) -> Tensor:
        """Return the features of images."""
        raise NotImplementedError

    def _pool(self, features: Tensor) -> Tensor:
        """Return what the head takes: the features themselves where it pools."""
        return features


class NoClassifier(nn.Identity):
    """In the place of a classifier; remembers what that one looked like."""

    def __init__(self, width: int, has_bias: bool, kind: type[nn.Module]) -> None:
        super().__init__()
        self.form = (width, has_bias, kind)


def _form_of(classifier: nn.Module) -> tuple[int, bool, type[nn.Module]]:
    """Return the width of what a classifier is given, whether it has a bias, and what kind of layer it is."""
    if isinstance(classifier, NoClassifier):
        return classifier.form
    has_bias = getattr(classifier, "bias", None) is not None
    for attribute, kinds in (("in_features", (nn.Linear,)), ("in_channels", (nn.Conv3d, nn.Conv2d))):
        width = getattr(classifier, attribute, None)
        if isinstance(width, int):
            return width, has_bias, next((kind for kind in kinds if isinstance(classifier, kind)), kinds[-1])
    raise TypeError(f"A classifier is a linear layer or a convolution, found {type(classifier).__name__}.")


def _classifier_like(old: nn.Module, num_classes: int) -> nn.Module:
    width, has_bias, kind = _form_of(old)
    if not num_classes:
        return NoClassifier(width, has_bias, kind)
    kernel = {} if kind is nn.Linear else {"kernel_size": 1}
    return kind(width, num_classes, bias=has_bias, **kernel)
