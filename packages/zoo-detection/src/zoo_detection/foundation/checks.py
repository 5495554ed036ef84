"""Checks of what detectors are made of."""


def require_type(name: str, value: object, expected: type) -> None:
    """Check that an argument is of a type, or `None`.

    Raises:
        TypeError: It is not.
    """
    if not isinstance(value, (expected, type(None))):
        raise TypeError(f"{name} should be of type {expected.__name__} or None instead of {type(value)}")
