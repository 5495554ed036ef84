"""Vision Transformer.

Alexey Dosovitskiy, Lucas Beyer, Alexander Kolesnikov, Dirk Weissenborn, Xiaohua Zhai, Thomas Unterthiner, Mostafa
Dehghani, Matthias Minderer, Georg Heigold, Sylvain Gelly, Jakob Uszkoreit, Neil Houlsby: An Image is Worth 16x16 Words:
Transformers for Image Recognition at Scale, 2020, arXiv:2010.11929.
Tete Xiao, Mannat Singh, Eric Mintun, Trevor Darrell, Piotr Dollár, Ross Girshick: Early Convolutions Help Transformers
See Better, 2021, arXiv:2106.14881: the convolutional stem.

Shapes: N images of L tokens with D channels, the class token first.
"""

import logging
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo_core import WeightsEnum
from zoo_core.building import ClassificationNetwork, builder
from zoo_core.errors import InputError
from zoo_core.layers import (
    MLP,
    ConvNormActivation,
    attend,
    is_symbol,
    join_heads,
    record_call,
    rename_older_keys,
    require_positive,
    trunc_normal_,
)

from .catalogue import vision_transformer as catalogue

_LAYER_NORM = partial(nn.LayerNorm, eps=1e-6)
_EMBEDDINGS = "encoder.pos_embedding"
logger = logging.getLogger("zoo")


class ConvStemConfig(NamedTuple):
    """One convolution of a stem that takes the place of the patch embedding.

    Args:
        out_channels: Channels of the output.
        kernel_size: Of the convolution.
        stride: Of the convolution.
        norm_layer: Called with a number of channels.
        activation_layer: Called without arguments.
    """

    out_channels: int
    kernel_size: int
    stride: int
    norm_layer: Callable[..., nn.Module] = nn.BatchNorm2d
    activation_layer: Callable[..., nn.Module] = nn.ReLU


class MLPBlock(MLP):
    """The perceptron of an encoder block; it also loads the names that the first checkpoints have."""

    def __init__(self, in_dim: int, mlp_dim: int, dropout: float) -> None:
        super().__init__(in_dim, [mlp_dim, in_dim], activation_layer=nn.GELU, dropout=dropout)
        for name, parameter in self.named_parameters():
            if name.endswith("weight"):
                nn.init.xavier_uniform_(parameter)
            else:
                nn.init.normal_(parameter, std=1e-6)
        rename_older_keys(self, {"linear_1": "0", "linear_2": "3"})


class SelfAttention(nn.MultiheadAttention):
    """Multi-head self-attention (appendix A): `nn.MultiheadAttention` with a shorter way where only outputs are wanted.

    Shape:
        Queries, keys and values `(N, L, D)` to `(N, L, D)`, and weights if `need_weights`.
    """

    def __init__(self, hidden_dim: int, num_heads: int, dropout: float) -> None:
        super().__init__(hidden_dim, num_heads, dropout=dropout, batch_first=True)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend as `nn.MultiheadAttention` does; scripted modules take the shorter way only."""
        if not torch.jit.is_scripting():  # type: ignore[attr-defined]
            if is_symbol(query):
                options = (key_padding_mask, need_weights, attn_mask, average_attn_weights, is_causal)
                return record_call(self, query, key, value, *options)  # type: ignore[no-any-return]
            masked = key_padding_mask is not None or attn_mask is not None
            if need_weights or masked or is_causal or key is not query or value is not query or query.ndim != 3:
                return super().forward(
                    query, key, value, key_padding_mask, need_weights, attn_mask, average_attn_weights, is_causal
                )
        heads = [query.shape[0], query.shape[1], 3, self.num_heads, self.head_dim]
        queries, keys, values = self.in_projection(query).view(heads).unbind(2)
        attended = attend(
            queries.transpose(1, 2),
            keys.transpose(1, 2),
            values.transpose(1, 2),
            dropout=self.dropout if self.training else 0.0,
        )
        return self.out_proj(join_heads(attended)), None

    def in_projection(self, tokens: Tensor) -> Tensor:
        """Return the queries, keys and values `(N, L, 3 * D)` of tokens `(N, L, D)`."""
        return F.linear(tokens, self.in_proj_weight, self.in_proj_bias)

    def linear_methods(self) -> dict[str, tuple[Tensor, Tensor | None]]:
        """Name the method that is a linear layer, with its weight and bias, for `zoo_core.inference`."""
        return {"in_projection": (self.in_proj_weight, self.in_proj_bias)}


class EncoderBlock(nn.Module):
    """Self-attention and a perceptron, each with a shortcut and normalised before (figure 1 right).

    Arguments are those of `VisionTransformer`.

    Shape:
        `(N, L, D)` to the same.
    """

    def __init__(
        self,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Callable[..., nn.Module] = _LAYER_NORM,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = SelfAttention(hidden_dim, num_heads, attention_dropout)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        normalised = self.ln_1(input)
        attended, _ = self.self_attention(normalised, normalised, normalised, need_weights=False)
        tokens: Tensor = self.dropout(attended) + input
        result: Tensor = tokens + self.mlp(self.ln_2(tokens))
        return result


class Encoder(nn.Module):
    """Adds position embeddings to tokens and transforms them (figure 1).

    Arguments are those of `VisionTransformer`, and `seq_length`, L.

    Shape:
        `(N, L, D)` to the same.
    """

    def __init__(
        self,
        seq_length: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Callable[..., nn.Module] = _LAYER_NORM,
    ) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.empty(1, seq_length, hidden_dim))
        nn.init.normal_(self.pos_embedding, std=0.02)
        self.dropout = nn.Dropout(dropout)
        block = partial(EncoderBlock, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer)
        self.layers = nn.Sequential(OrderedDict((f"encoder_layer_{i}", block()) for i in range(num_layers)))
        self.ln = norm_layer(hidden_dim)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        tokens: Tensor = self.ln(self.layers(self.dropout(input + self.pos_embedding)))
        return tokens


class VisionTransformer(ClassificationNetwork):
    """A Vision Transformer of any shape (section 3.1).

    Args:
        image_size: Height and width of the images in pixels, a multiple of `patch_size`.
        patch_size: Height and width of a patch in pixels.
        num_layers: Encoder blocks.
        num_heads: Attention heads of each block.
        hidden_dim: Channels of the tokens, a multiple of `num_heads`.
        mlp_dim: Hidden channels of the perceptrons.
        dropout: Probability that an element of the tokens or of a branch is dropped in training.
        attention_dropout: Probability that an attention weight is dropped in training.
        num_classes: Width of the classifier.
        representation_size: Width of the classifier's hidden layer; `None` for no such layer.
        norm_layer: Called with a number of channels.
        conv_stem_configs: Convolutions in place of the patch embedding, whose strides multiply to `patch_size`.

    Shape:
        Images `(N, 3, image_size, image_size)` to scores `(N, num_classes)`.

    Raises:
        ValueError: An argument cannot be a network, or images are of another size.

    Example:
        >>> import torch
        >>> from zoo_classification import VisionTransformer
        >>> network = VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=10)
        >>> network(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("heads.head",)

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
        representation_size: int | None = None,
        norm_layer: Callable[..., nn.Module] = _LAYER_NORM,
        conv_stem_configs: Sequence[ConvStemConfig] | None = None,
    ) -> None:
        super().__init__()
        require_positive(
            patch_size=patch_size, num_layers=num_layers, num_heads=num_heads, hidden_dim=hidden_dim,
            mlp_dim=mlp_dim, num_classes=num_classes,
        )  # fmt: skip
        _check_sizes(image_size, patch_size, hidden_dim, num_heads, conv_stem_configs)
        self.image_size = image_size
        self.patch_size = patch_size
        self.hidden_dim = hidden_dim
        self.mlp_dim = mlp_dim
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.num_features, self.num_classes = hidden_dim, num_classes
        self.representation_size = representation_size
        self.norm_layer = norm_layer
        self.seq_length = (image_size // patch_size) ** 2 + 1
        self.class_token = nn.Parameter(torch.empty(1, 1, hidden_dim))
        nn.init.zeros_(self.class_token)
        self.conv_proj = _patch_embedding(patch_size, hidden_dim, conv_stem_configs)
        self.encoder = Encoder(
            self.seq_length, num_layers, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer
        )
        self.heads = _classifier(hidden_dim, representation_size, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Score images, `(N, 3, image_size, image_size)`, for each class, `(N, num_classes)`."""
        scores: Tensor = self.heads(self._pool(self._extract(x)))
        return scores

    def _extract(self, images: Tensor) -> Tensor:
        patches = self._process_input(images)
        class_tokens = self.class_token.expand(patches.shape[0], -1, -1)
        tokens: Tensor = self.encoder(torch.cat((class_tokens, patches), dim=1))
        return tokens

    def _pool(self, features: Tensor) -> Tensor:
        return features.select(1, 0)

    def _process_input(self, x: Tensor) -> Tensor:
        """Embed the patches of images, `(N, L - 1, D)`."""
        if not is_symbol(x):
            _check_image(x.shape[-2], x.shape[-1], self.image_size)
        patches: Tensor = self.conv_proj(x)
        return patches.flatten(2).transpose(1, 2)

    @torch.jit.unused
    def fit_checkpoint(self, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Fit the position embeddings of weights for images of another size, with `interpolate_embeddings`."""
        embeddings = state.get(_EMBEDDINGS)
        if embeddings is None or embeddings.shape == self.encoder.pos_embedding.shape:
            return state
        logger.info("position embeddings interpolated for images of %d x %d", self.image_size, self.image_size)
        return interpolate_embeddings(self.image_size, self.patch_size, state)


def _check_image(height: int, width: int, expected: int) -> None:
    if height != expected:
        raise InputError(f"Wrong image height! Expected {expected} but got {height}!")
    if width != expected:
        raise InputError(f"Wrong image width! Expected {expected} but got {width}!")


def _check_sizes(
    image_size: int, patch_size: int, hidden_dim: int, num_heads: int, stem: Sequence[ConvStemConfig] | None
) -> None:
    if image_size < patch_size or image_size % patch_size:
        raise InputError(
            "Input shape indivisible by patch size! "
            f"image_size should be a multiple of {patch_size}, found {image_size}"
        )
    if hidden_dim % num_heads:
        raise InputError(f"hidden_dim should be a multiple of num_heads, found {hidden_dim} and {num_heads}")
    strides = [config.stride for config in stem or ()]
    if strides and math.prod(strides) != patch_size:
        raise ValueError(
            f"the strides of conv_stem_configs should multiply to the patch_size of {patch_size}, found {strides}"
        )


def _patch_embedding(patch_size: int, hidden_dim: int, stem: Sequence[ConvStemConfig] | None) -> nn.Module:
    """Build the linear projection of patches as a convolution, or the convolutional stem."""
    if stem is None:
        return _from_trunc_normal(nn.Conv2d(3, hidden_dim, kernel_size=patch_size, stride=patch_size))
    layers = OrderedDict[str, nn.Module]()
    channels = 3
    for index, config in enumerate(stem):
        layers[f"conv_bn_relu_{index}"] = ConvNormActivation(
            channels,
            config.out_channels,
            config.kernel_size,
            config.stride,
            norm_layer=config.norm_layer,
            activation_layer=config.activation_layer,
        )
        channels = config.out_channels
    last = nn.Conv2d(channels, hidden_dim, kernel_size=1)
    nn.init.normal_(last.weight, std=math.sqrt(2 / hidden_dim))
    layers["conv_last"] = _without_bias(last)
    return nn.Sequential(layers)


def _classifier(hidden_dim: int, representation_size: int | None, num_classes: int) -> nn.Sequential:
    layers = OrderedDict[str, nn.Module]()
    if representation_size is not None:
        layers["pre_logits"] = _from_trunc_normal(nn.Linear(hidden_dim, representation_size))
        layers["act"] = nn.Tanh()
    head = nn.Linear(representation_size or hidden_dim, num_classes)
    nn.init.zeros_(head.weight)
    layers["head"] = _without_bias(head)
    return nn.Sequential(layers)


def _from_trunc_normal(layer: nn.Conv2d | nn.Linear) -> nn.Module:
    """Initialise a layer to keep the variance of its input."""
    trunc_normal_(layer.weight, std=math.prod(layer.weight.shape[1:]) ** -0.5)
    return _without_bias(layer)


def _without_bias(layer: nn.Conv2d | nn.Linear) -> nn.Module:
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def interpolate_embeddings(
    image_size: int,
    patch_size: int,
    model_state: Mapping[str, Tensor],
    interpolation_mode: str = "bicubic",
    reset_heads: bool = False,
) -> OrderedDict[str, Tensor]:
    """Fit the position embeddings of a trained Vision Transformer to another resolution (section 3.2).

    Args:
        image_size: Height and width of the images that the new model takes, in pixels.
        patch_size: Height and width of a patch of the new model, in pixels.
        model_state: The trained model's state dict; it stays as it is.
        interpolation_mode: As in `torch.nn.functional.interpolate`.
        reset_heads: Leave out the classifier.

    Returns:
        A state dict for the new model.

    Raises:
        ValueError: The position embeddings are not those of one class token and a square of patches.

    Example:
        >>> from zoo_classification import VisionTransformer, interpolate_embeddings
        >>> small, large = (VisionTransformer(size, 8, 1, 2, 16, 32) for size in (32, 48))
        >>> large.load_state_dict(interpolate_embeddings(48, 8, small.state_dict()))
        <All keys matched successfully>
    """
    state = OrderedDict(
        (name, tensor) for name, tensor in model_state.items() if not (reset_heads and name.startswith("heads"))
    )
    embeddings = state[_EMBEDDINGS]
    if embeddings.ndim != 3 or embeddings.shape[0] != 1:
        raise ValueError(f"Unexpected position embedding shape: {embeddings.shape}, expected (1, L, D)")
    length = embeddings.shape[1] - 1
    old, new = math.isqrt(length), image_size // patch_size
    if old * old != length:
        raise ValueError(f"seq_length is not a perfect square! Instead got {length} patches and a class token")
    if new != old:
        class_token, patches = embeddings[:, :1], embeddings[:, 1:]
        grid = patches.transpose(1, 2).reshape(1, -1, old, old)
        grid = F.interpolate(grid, size=(new, new), mode=interpolation_mode, align_corners=True)
        state[_EMBEDDINGS] = torch.cat((class_token, grid.flatten(2).transpose(1, 2)), dim=1)
    return state


def _for_weights(weights: WeightsEnum | None, arguments: dict[str, Any], **shape: Any) -> VisionTransformer:
    """Build a network of the image size that the weights were trained with, 224 without weights, if not given."""
    arguments.setdefault("image_size", 224 if weights is None else weights.meta["min_size"][0])
    return VisionTransformer(**shape, **arguments)


@builder(catalogue.ViT_B_16_Weights.IMAGENET1K_V1)
def vit_b_16(weights: WeightsEnum | None, **kwargs: Any) -> VisionTransformer:
    """ViT-Base with patches of 16 pixels (table 1).

    Args:
        **kwargs: Passed on to `VisionTransformer`. `image_size` is that of the weights, without them 224, if not given;
            for another one the position embeddings of the weights are interpolated, as `interpolate_embeddings` does,
            and `weights.transforms(crop_size=image_size, resize_size=image_size)` brings images to it.
    """
    return _for_weights(weights, kwargs, patch_size=16, num_layers=12, num_heads=12, hidden_dim=768, mlp_dim=3072)


@builder(catalogue.ViT_B_32_Weights.IMAGENET1K_V1)
def vit_b_32(weights: WeightsEnum | None, **kwargs: Any) -> VisionTransformer:
    """ViT-Base with patches of 32 pixels (table 1).

    Args:
        **kwargs: Passed on to `VisionTransformer`. `image_size` is that of the weights, without them 224, if not given;
            for another one the position embeddings of the weights are interpolated, as `interpolate_embeddings` does,
            and `weights.transforms(crop_size=image_size, resize_size=image_size)` brings images to it.
    """
    return _for_weights(weights, kwargs, patch_size=32, num_layers=12, num_heads=12, hidden_dim=768, mlp_dim=3072)


@builder(catalogue.ViT_L_16_Weights.IMAGENET1K_V1)
def vit_l_16(weights: WeightsEnum | None, **kwargs: Any) -> VisionTransformer:
    """ViT-Large with patches of 16 pixels (table 1).

    Args:
        **kwargs: Passed on to `VisionTransformer`. `image_size` is that of the weights, without them 224, if not given;
            for another one the position embeddings of the weights are interpolated, as `interpolate_embeddings` does,
            and `weights.transforms(crop_size=image_size, resize_size=image_size)` brings images to it.
    """
    return _for_weights(weights, kwargs, patch_size=16, num_layers=24, num_heads=16, hidden_dim=1024, mlp_dim=4096)


@builder(catalogue.ViT_L_32_Weights.IMAGENET1K_V1)
def vit_l_32(weights: WeightsEnum | None, **kwargs: Any) -> VisionTransformer:
    """ViT-Large with patches of 32 pixels (table 1).

    Args:
        **kwargs: Passed on to `VisionTransformer`. `image_size` is that of the weights, without them 224, if not given;
            for another one the position embeddings of the weights are interpolated, as `interpolate_embeddings` does,
            and `weights.transforms(crop_size=image_size, resize_size=image_size)` brings images to it.
    """
    return _for_weights(weights, kwargs, patch_size=32, num_layers=24, num_heads=16, hidden_dim=1024, mlp_dim=4096)


@builder(catalogue.ViT_H_14_Weights)
def vit_h_14(weights: WeightsEnum | None, **kwargs: Any) -> VisionTransformer:
    """ViT-Huge with patches of 14 pixels (table 1).

    Args:
        **kwargs: Passed on to `VisionTransformer`. `image_size` is that of the weights, without them 224, if not given;
            for another one the position embeddings of the weights are interpolated, as `interpolate_embeddings` does,
            and `weights.transforms(crop_size=image_size, resize_size=image_size)` brings images to it.
    """
    return _for_weights(weights, kwargs, patch_size=14, num_layers=32, num_heads=16, hidden_dim=1280, mlp_dim=5120)
