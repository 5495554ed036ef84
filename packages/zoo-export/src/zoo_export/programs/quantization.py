"""Int8 networks: pictures in, probabilities of the classes out, by the integers of the published files."""

from typing import ClassVar

from .classification import ClassificationProgram


class QuantizedProgram(ClassificationProgram):
    """As of float networks: what is recorded is the arithmetic of the integers, exactly, in floating point.

    PyTorch's own kernel of depthwise convolutions saturates sums of two products where activations and weights are both
    near their limits, which the published files keep clear of. The recorded arithmetic does not.
    """

    tolerance: ClassVar[float] = 2e-2

    @classmethod
    def check_precision(cls, model: str, precision: str) -> None:
        """Check that no other precision is asked for than the network's own.

        Raises:
            ValueError: One is.
        """
        super().check_precision(model, precision)
        if precision != "float32":
            raise ValueError(
                f"{model} computes with int8 as it is, and cannot be exported in {precision} besides: export "
                f"{model.removeprefix('quantized_')} so, or this one as it is."
            )
