"""The plot of accuracy against size or time, with the Pareto front: one Vega-Lite specification for all its forms.

The page has Vega's own specification of it, compiled here, and Vega itself, both as scripts: nothing is fetched when
the page is built or looked at. They come out of vl-convert, a Python package with Vega and Vega-Lite in it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from ._columns import Column
from ._entries import Entry

VEGA_LITE = "6.4"
ALONG, UPWARDS = "{along}", "{upwards}"
"""What the titles of the axes are before the page puts in its own."""
HEIGHT, LINE, NAME = 400, 14, 130
"""How high the plot is, a line of its names is, and how wide a name is, in pixels."""
COLOURS = {"frontColour": "#b3261e", "otherColour": "#4c78a8", "textColour": "#222832"}


def points(entries: Sequence[Entry], along: Column, upwards: Column) -> list[dict[str, Any]]:
    """Return the entries that have both figures, as the specification takes them."""
    found = []
    for entry in entries:
        x, y = along.value(entry), upwards.value(entry)
        if x is not None and y is not None:
            good = -y if upwards.less_is_better else y
            found.append({"name": entry.name, "member": entry.weights.name, "x": x, "y": y, "good": good, "href": ""})
    return found


def specification(along: str, upwards: str, values: Sequence[Mapping[str, Any]] = (), width: Any = "container") -> Any:
    """Return the plot in Vega-Lite.

    Args:
        along: The title of the horizontal axis.
        upwards: That of the vertical one.
        values: The points: `name`, `member`, `x`, `y`, `good` (greater where better), `href`.
        width: In pixels, or `"container"`.
    """
    front = [
        {"window": [{"op": "max", "field": "good", "as": "best"}], "ignorePeers": True, "sort": _ALONG_THE_FRONT},
        {"window": [_lag("best", "before")], "sort": _ALONG_THE_FRONT},
        {"joinaggregate": [*_range("good", "low", "high"), *_range("x", "first", "last")]},
        {"calculate": "!isValid(datum.before) || datum.good > datum.before", "as": "front"},
    ]
    place = {
        "x": {
            "field": "x",
            "type": "quantitative",
            "title": along,
            "scale": {"type": "log", "nice": False, "padding": _expression("width > 500 ? 100 : 12")},
        },
        "y": {"field": "y", "type": "quantitative", "title": upwards, "scale": {"zero": False, "padding": 12}},
    }
    tooltip = [
        {"field": "name", "title": "model"},
        {"field": "member", "title": "weights"},
        {"field": "y", "title": upwards, "format": ",.4~g"},
        {"field": "x", "title": along, "format": ",.4~g"},
    ]
    of_front = [{"filter": "datum.front"}]
    dots = {
        "mark": {"type": "point", "filled": True, "cursor": "pointer", "tooltip": True, "aria": True},
        "encoding": {
            "color": {"condition": {"test": "datum.front", "value": _expression("frontColour")}}
            | {"value": _expression("otherColour")},
            "size": {"condition": {"test": "datum.front", "value": 90}, "value": 50},
            "opacity": {"condition": {"test": "datum.front", "value": 1}, "value": 0.65},
            "href": {"field": "href"},
            "tooltip": tooltip,
            "description": {"field": "said"},
        },
    }
    above = f"abs(datum.good - datum.previous) * {HEIGHT} > {LINE} * (datum.high - datum.low)"
    beside = f"log(datum.x / datum.before_x) * (width - 200) > {NAME} * log(datum.last / datum.first)"
    names = {
        "transform": [
            *of_front,
            {"window": [_lag("good", "previous"), _lag("x", "before_x")], "sort": _ALONG_THE_FRONT},
            {"filter": f"width > 500 && (!isValid(datum.previous) || {above} || {beside})"},
        ],
        "mark": {"type": "text", "align": "right", "dx": -8, "dy": -6, "fontSize": 11, "aria": False, "tooltip": None},
        "encoding": {"text": {"field": "name"}, "color": {"value": _expression("textColour")}},
    }
    line = {
        "transform": of_front,
        "mark": {
            "type": "line",
            "interpolate": "step-after",
            "strokeWidth": 1.5,
            "opacity": 0.6,
            "aria": False,
            "tooltip": None,
        },
        "encoding": {"color": {"value": _expression("frontColour")}, "order": {"field": "x", "type": "quantitative"}},
    }
    of_y, of_x = (f"'{title} ' + format(datum.{axis}, ',.4~g')" for title, axis in ((upwards, "y"), (along, "x")))
    said = f"datum.name + ', ' + datum.member + ': ' + {of_y} + ', ' + {of_x}"
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "background": None,
        "width": width,
        "height": HEIGHT,
        "autosize": {"type": "fit", "contains": "padding"},
        "params": [{"name": name, "value": value} for name, value in COLOURS.items()],
        "data": {"name": "points", "values": list(values)},
        "transform": [*front, {"calculate": said, "as": "said"}],
        "encoding": place,
        "layer": [line, dots, names],
        "config": {
            "font": "system-ui, 'DejaVu Sans', sans-serif",
            "view": {"stroke": None},
            "axis": {
                "labelFontSize": 12,
                "titleFontSize": 13,
                "titleFontWeight": "normal",
                "gridOpacity": 0.35,
                "tickCount": 5,
            },
        },
    }


_ALONG_THE_FRONT = [{"field": "x", "order": "ascending"}, {"field": "good", "order": "descending"}]


def _lag(field: str, name: str) -> dict[str, str]:
    return {"op": "lag", "field": field, "as": name}


def _range(field: str, least: str, greatest: str) -> list[dict[str, str]]:
    return [{"op": "min", "field": field, "as": least}, {"op": "max", "field": field, "as": greatest}]


def _expression(name: str) -> dict[str, str]:
    return {"expr": name}


def compiled() -> str:
    """Return the script that has the specification in Vega, its titles to be put in."""
    import vl_convert

    vega = vl_convert.vegalite_to_vega(specification(ALONG, UPWARDS), vl_version=VEGA_LITE)
    return f"window.zooPlot = {json.dumps(json.dumps(vega, ensure_ascii=False, separators=(',', ':')))};\n"


def library(cache: Path) -> str:
    """Return Vega as a script, which gives `window.zooVega` what draws.

    Args:
        cache: A folder where it is kept, for putting it together takes seconds.
    """
    import vl_convert

    version = vl_convert.get_vega_version()
    address = f"https://cdn.jsdelivr.net/npm/vega@{version}/+esm"  # how vl-convert names what is inside of it
    snippet = f"import {{View, parse}} from '{address}'; window.zooVega = {{View, parse}};"
    made_of = f"{metadata.version('vl-convert-python')} {snippet}"
    file = cache / f"vega-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}.js"
    if not file.exists():
        bundle = vl_convert.javascript_bundle(snippet)
        cache.mkdir(parents=True, exist_ok=True)
        file.write_text(
            f"/* Vega {version}; licences: vega-licences.txt beside this file. */\n(() => {{{bundle}}})();\n",
            encoding="utf-8",
        )
    return file.read_text(encoding="utf-8")


def drawn(entries: Sequence[Entry], along: Column, upwards: Column) -> tuple[str, bytes]:
    """Draw the plot on white as SVG, and as PNG of twice the resolution."""
    import vl_convert

    spec = specification(_title(along), _title(upwards), points(entries, along, upwards), width=760)
    spec["background"] = "white"
    spec["padding"] = 10
    svg = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE)
    return svg, vl_convert.vegalite_to_png(spec, vl_version=VEGA_LITE, scale=2)


def _title(column: Column) -> str:
    unit = f" ({column.unit})" if column.unit else ""
    on = f" on {column.dataset}" if column.is_metric and ":" not in column.key else ""
    return f"{column.title}{on}{unit}"
