"""Elements of HTML and SVG whose texts cannot be taken for anything else."""

import html
import math
import re

_NOT_SHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns directions around
    "\ud800-\udfff]"  # halves of characters: bytes of names that are no UTF-8
)
_EMPTY = frozenset({"meta", "img", "br"})


class Markup(str):
    """A text that is HTML already."""

    __slots__ = ()


def escaped(text: object) -> Markup:
    r"""Return a text as HTML that shows just that.

    Example:
        >>> from zoo_evaluation.report._html import escaped
        >>> escaped("<b>\x1b&")
        '&lt;b&gt;\\x1b&amp;'
    """
    if isinstance(text, Markup):
        return text
    shown = _NOT_SHOWN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), str(text))
    return Markup(html.escape(shown))


def element(tag: str, /, *children: object, **attributes: object) -> Markup:
    """Return an element. Attributes that are `None` are left out; `class_` is `class`, `text_anchor` `text-anchor`.

    Example:
        >>> from zoo_evaluation.report._html import element
        >>> element("p", "1 < 2", element("b", "!"), class_="note")
        '<p class="note">1 &lt; 2<b>!</b></p>'
    """
    named = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items() if value is not None}
    told = "".join(f' {name}="{escaped(value)}"' for name, value in named.items())
    inner = "".join(map(escaped, children))
    return Markup(f"<{tag}{told}>" if tag in _EMPTY else f"<{tag}{told}>{inner}</{tag}>")


def number_text(value: object) -> str:
    """Return a value as people read it: three digits behind the point at most, `-` for what is not known."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return str(value)
