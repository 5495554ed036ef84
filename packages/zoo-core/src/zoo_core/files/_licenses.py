"""Identifiers of licences, as SPDX has them: reading lists of them that users write."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from zoo_core._resources import read_text
from zoo_core.names import closest

UNKNOWN = "unknown"
"""What stands for a licence that nobody states."""


@cache
def _identifiers() -> dict[str, str]:
    """Return SPDX's identifiers, and `unknown`, each by its lower-case form."""
    text = read_text(str(Path(__file__).parent / "spdx_licenses.txt"))
    return {identifier.lower(): identifier for identifier in [*text.split(), UNKNOWN]}


def read_licenses(text: str | Iterable[str], *, name: str = "a licence") -> tuple[str, ...]:
    """Return the identifiers in a text, which commas or spaces separate, spelt as SPDX does, each once.

    Args:
        text: `"BSD-3-Clause, apache-2.0"`, or several such texts. `unknown` is one, and so is an address of a
            licence's text, or a `LicenseRef-` of anybody's own.
        name: What the text is called in the message.

    Raises:
        ValueError: One is not known; the message has the nearest ones.

    Example:
        >>> from zoo_core.files import read_licenses
        >>> read_licenses("bsd-3-clause, Apache-2.0")
        ('BSD-3-Clause', 'Apache-2.0')
    """
    texts = [text] if isinstance(text, str) else text
    words = [word for part in texts for word in re.split(r"[,\s]+", part) if word]
    return tuple(dict.fromkeys(_identifier(word, name) for word in words))


def _identifier(word: str, name: str) -> str:
    known = _identifiers()
    if word.lower() in known:
        return known[word.lower()]
    if "://" in word or word.lower().startswith("licenseref-"):
        return word
    near = _beginning_with(word, known.values())
    hint = f" Did you mean {' or '.join(near)}?" if near else closest(word, known.values(), 2)
    raise ValueError(
        f"{name} should be identifiers as SPDX has them (BSD-3-Clause, Apache-2.0, …) or {UNKNOWN!r}, separated by "
        f"commas; found {word!r}.{hint}"
    )


def _beginning_with(word: str, identifiers: Iterable[str]) -> list[str]:
    """Return the three shortest identifiers that begin with a word, whatever stands between letters and digits."""
    start = re.sub("[^a-z0-9]", "", word.lower())
    matches = [name for name in identifiers if start and re.sub("[^a-z0-9]", "", name.lower()).startswith(start)]
    return sorted(matches, key=len)[:3]
