"""From images to vectors."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo_core._weights import WeightsEnum
from zoo_core.prediction import ImagePredictor

from ._embedding import Embedding


class ImageEmbedder(ImagePredictor):
    """Turns images into vectors.

    Args:
        model: Gives features (N, D) for images (N, 3, H, W), as `PooledFeatures` does; put into evaluation mode.
        weights: The entry that the model was built with: its preprocessing.
        device: Where the model runs.
        normalize: Whether vectors get the length 1, so that their products are cosines.
    """

    def __init__(self, model: nn.Module, weights: WeightsEnum, *, device: str = "cpu", normalize: bool = False) -> None:
        super().__init__(model, weights, device=device)
        self.normalize = normalize

    @torch.inference_mode()
    def predict(self, inputs: Sequence[Tensor], sources: Sequence[str]) -> list[Embedding]:
        """Embed one batch of preprocessed images; `sources` names them."""
        return embeddings_of(self.outputs(inputs), sources, normalize=self.normalize)


def embeddings_of(features: Tensor, sources: Sequence[str], *, normalize: bool) -> list[Embedding]:
    """Return features as embeddings.

    Args:
        features: `(N, D)`.
        sources: The N inputs.
        normalize: Whether vectors get the length 1.

    Raises:
        ValueError: The features have another shape.

    Example:
        >>> import torch
        >>> from zoo_core.embedding import embeddings_of
        >>> embeddings_of(torch.tensor([[3.0, 4.0]]), ["a.png"], normalize=True)[0].vector
        tensor([0.6000, 0.8000])
    """
    if features.dim() != 2:
        raise ValueError(f"Features of inputs should have the shape (N, D), found {tuple(features.shape)}.")
    vectors = features.float().cpu()
    if normalize:
        vectors = F.normalize(vectors, dim=1)
    return [Embedding(source, vector.clone()) for source, vector in zip(sources, vectors, strict=True)]
