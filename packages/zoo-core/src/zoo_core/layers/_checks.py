"""Checks of what networks are constructed with."""


def require_positive(**numbers: int) -> None:
    """Check hyperparameters, given by name.

    Raises:
        ValueError: One of them is not positive.

    Example:
        >>> require_positive(num_classes=0)
        Traceback (most recent call last):
        ValueError: num_classes should be a positive integer, found 0
    """
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"{name} should be a positive integer, found {number}")
