"""Arithmetic on lengths of axes that may be symbols: what is recorded holds for every length.

PyTorch 2.6 takes the smaller one of the example for `torch.sym_min`, without a word, and likewise `torch.sym_max`;
divisions it records.
"""


def smaller(one: int, other: int) -> int:
    """Return the minimum of two lengths above 0.

    Example:
        >>> from zoo_export._sizes import smaller
        >>> smaller(3, 5), smaller(5, 3), smaller(3, 3)
        (3, 3, 3)
    """
    times = other // one
    is_one = 2 * times // (1 + times)  # 1 or 0; of 1 // (…), multiplied, ONNX Runtime makes another division
    return other + is_one * (one - other)


def larger(one: int, other: int) -> int:
    """Return the maximum of two lengths above 0.

    Example:
        >>> from zoo_export._sizes import larger
        >>> larger(3, 5), larger(5, 3), larger(3, 3)
        (5, 5, 3)
    """
    return one + other - smaller(one, other)
