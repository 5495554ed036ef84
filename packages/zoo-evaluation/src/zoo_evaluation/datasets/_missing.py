"""What is said of files that should be there."""

from collections.abc import Sequence


def left_out(missing: Sequence[object], what: str) -> tuple[str, ...]:
    """Return the note on samples that are left out, if there are any.

    Args:
        missing: The first ones are named.
        what: What they are and lack, after their number.

    Example:
        >>> left_out(["a.jpg", "b.jpg"], "images have no label map")
        ('2 images have no label map, and are left out: a.jpg, b.jpg.',)
    """
    if not missing:
        return ()
    named = ", ".join(map(str, missing[:5])) + (", and so on" if len(missing) > 5 else "")
    return (f"{len(missing)} {what}, and are left out: {named}.",)
