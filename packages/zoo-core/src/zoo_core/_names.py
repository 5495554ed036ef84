"""What to say when a name is not known."""

from collections.abc import Iterable


def closest(name: str, known: Iterable[str], count: int = 3) -> str:
    """Return the tail of an error message: the known names nearest to `name`, or nothing when none is near.

    Example:
        >>> closest("resnet500", ["resnet50", "alexnet"])
        ' Did you mean resnet50?'
    """
    import difflib

    by_lower = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.lower(), by_lower, n=count, cutoff=0.5)
    if not matches:
        return ""
    return f" Did you mean {' or '.join(by_lower[match] for match in matches)}?"
