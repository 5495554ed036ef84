"""What a pickle of tensors may hold, beyond what torch's own reading without code refuses.

That reading lets a pickle of a few bytes call `bytearray(10**10)` or `torch.Tensor(10**10)`, double a text again and
again, or look up a key whose hash takes for ever. No checkpoint needs any of it.

Antoine Pitrou, Tim Peters: PEP 307, Extensions to the pickle protocol, 2003; `pickletools` describes each instruction.
"""

import re
from collections.abc import Collection

LONGEST_PICKLE = 4 << 20
"""Bytes that the pickles of a checkpoint may have: enough for thirty thousand tensors, and read in a few seconds."""

_ALLOWED = re.compile(
    rb"""collections\.OrderedDict
    | torch\._utils\._rebuild_(tensor|tensor_v2|qtensor|parameter|parameter_with_state)
    | torch\.nn\.parameter\.Parameter
    | torch\.[A-Z][A-Za-z0-9]*Storage
    | torch\.storage\._LegacyStorage
    | torch\.Size
    | torch\.(q?u?int\d+(x\d+)?|float\d+(_\w+)?|bfloat\d+|complex\d+|bool)
    | torch\.per_(tensor|channel)_(affine|symmetric|affine_float_qparams)
    """,
    re.VERBOSE,
)
"""What may be named: dictionaries, tensors, types."""

_STEP = re.compile(
    rb"""(?: [()\]}NQRabesu\x81\x88\x89]            # marks, containers, None, calls
    | [t\x85\x86\x87](?![qr])                      # tuples that are not remembered
    | K. | M.. | J.{4} | G.{8} | \x80.             # numbers, the protocol
    | q. | r.{4}                                   # what is remembered
    )*+ (?:
      (?: h(?P<near>.) | j(?P<far>.{4}) )          # something again
    | [t\x85\x86\x87] (?: q(?P<near_tuple>.) | r(?P<far_tuple>.{4}) )
    | X(?P<text>.{4}) | [U\x8a](?P<short>.)        # texts and long numbers, which follow
    | c(?P<module>[^\n]{1,300})\n(?P<name>[^\n]{1,300})\n
    | (?P<end>\.)
    )""",
    re.VERBOSE | re.DOTALL,
)
"""A run of instructions that need no look, and one that does."""

_MOST_TUPLES_AGAIN = 20
"""How often a pickle may use a tuple again: with each time, the time of its hash may double."""


def check_pickle(data: bytes, position: int, also: Collection[str] = ()) -> int:
    """Refuse a pickle that names anything else than tensors are made of, or could take more than its size.

    Args:
        data: Holds the pickle.
        position: Where it begins.
        also: What else may be named.

    Returns:
        Where it ends.

    Raises:
        ValueError: It does, or is cut off; the text says what was found.
    """
    tuples: set[bytes] = set()
    again = 0
    while (step := _STEP.match(data, position)) is not None:
        kind, position = step.lastgroup, step.end()
        if kind == "near" or kind == "far":  # noqa: PLR1714 # faster
            again += step[kind].rstrip(b"\0") in tuples
            if again > _MOST_TUPLES_AGAIN:
                raise ValueError("its pickle uses tuples again and again, which no checkpoint needs")
        elif kind == "near_tuple" or kind == "far_tuple":  # noqa: PLR1714
            tuples.add(step[kind].rstrip(b"\0"))
        elif kind == "text" or kind == "short":  # noqa: PLR1714
            position += int.from_bytes(step[kind], "little")
        elif kind == "name":
            _check_name(b"%b.%b" % step.group("module", "name"), also)
        else:
            return position
    raise ValueError(f"its pickle is cut off, too long, or goes on with {data[position : position + 20]!r}")


def _check_name(name: bytes, also: Collection[str]) -> None:
    if not _ALLOWED.fullmatch(name):
        text = name.decode(errors="replace")
        if text not in also:
            raise ValueError(f"its pickle names {text}, of which no tensor is made")
