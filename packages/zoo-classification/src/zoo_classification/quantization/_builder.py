"""The decorator of the builders of quantizable networks: with `quantize=True` they build the int8 network."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import torch

from zoo_core import WeightsEnum
from zoo_core.building import Builder, DependentWeights, builder, file_of
from zoo_core.building import assemble as assemble_float
from zoo_core.checkpoints import read_state_dict
from zoo_core.files import resolve

from ._kernels import choose_engine, engines_like
from ._loading import from_state, make_empty
from ._network import Quantizable

Q = TypeVar("Q", bound=WeightsEnum)
F = TypeVar("F", bound=WeightsEnum)
N = TypeVar("N", bound=Quantizable)


def quantizable_builder(int8: Q, floating: type[F]) -> Callable[[Callable[..., N]], Builder[Q | F, N]]:
    """Make a function that returns a float network a builder of that network or, with `quantize=True`, of its int8 one.

    An int8 network is made without float weights and without calibration: its layers are made empty, and then given
    what the file holds. It is in evaluation mode.

    Args:
        int8: With `quantize=True` the member that `pretrained=True` has always stood for; otherwise its float entry is.
        floating: The enum of the float entries.
    """

    def choose(arguments: Mapping[str, Any]) -> WeightsEnum:
        unquantized: WeightsEnum = int8.meta["unquantized"]
        expected, other = (int8, unquantized) if arguments.get("quantize") else (unquantized, int8)
        if isinstance(arguments.get("weights"), type(other)):
            raise TypeError(
                f"Invalid Weight class provided; expected {type(expected).__name__} but received "
                f"{type(other).__name__}, which is for quantize={other is int8}."
            )
        return expected

    def assemble(
        make: "partial[N]",
        weights: WeightsEnum | None,
        *,
        progress: bool,
        quantize: bool = False,
        backend: str | None = None,
    ) -> N:
        """Put a float or an int8 network and its weights together.

        Args:
            make: Returns the float network.
            weights: Of the float or of the int8 network.
            progress: As for every builder.
            quantize: Build the int8 network, for prediction. `weights` is then an int8 entry, which also tells
                `num_classes`; `None` for weights of zero, to load a state into.
            backend: The engine whose arithmetic an int8 network computes, that of its entries if not given. If torch
                has it here, or another of the same arithmetic, that computes it, and else plain PyTorch.

        Raises:
            ValueError: `backend` is none, or with int8 weights it or `num_classes` is not theirs.
        """
        if not quantize:
            return assemble_float(make, weights, progress=progress)
        return _assemble_int8(make, weights, backend or int8.meta["backend"], progress=progress)

    return builder(DependentWeights((type(int8), floating), choose), assemble=assemble)


def _assemble_int8(make: "partial[N]", weights: WeightsEnum | None, backend: str, *, progress: bool) -> N:
    engine = choose_engine(backend)
    if weights is not None:
        _require("backend", backend, engines_like(weights.meta["backend"]))
        _require("num_classes", make.keywords["num_classes"], (len(weights.meta["categories"]),))
    file = file_of(weights)
    found = None if file is None else resolve(file, progress=progress)
    with torch.device("cpu"):
        if found is None:
            return make_empty(make, engine)
        with found.unchanged() as path:
            return from_state(make, engine, read_state_dict(path, as_integers=True), str(weights))


def _require(parameter: str, found: object, possible: tuple[object, ...]) -> None:
    if found not in possible:
        expected = " or ".join(map(str, possible))
        raise ValueError(
            f"The parameter '{parameter}' expected value {expected} but got {found} instead: an int8 model is as its "
            "file is. To train another classifier, build with quantize=False."
        )
