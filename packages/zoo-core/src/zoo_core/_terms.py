"""What is known beside a licence: that of the repository that publishes a file, and the terms of data sets.

`terms.json` has both, once each; a family file states its own data sets under `"datasets"`.
"""

import json
import os
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from ._resources import read_text


@cache
def read_terms() -> dict[str, dict[str, dict[str, str]]]:
    """Return the table of publishers, by how their URLs begin, and of data sets, by name."""
    return json.loads(read_text(os.path.join(os.path.dirname(__file__), "terms.json")))  # type: ignore[no-any-return] # JSON


def datasets_in(text: str) -> list[str]:
    """Return the names of the data sets in an entry's `dataset`: remarks are in brackets, commas between names.

    Example:
        >>> datasets_in("COCO train2017 (people with keypoints), ImageNet-1K")
        ['COCO train2017', 'ImageNet-1K']
    """
    return [name for name in map(str.strip, re.sub(r"\([^)]*\)", "", text).split(",")) if name]


def known_terms(url: str, dataset: str, own: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return `publisher` and `dataset_terms` of an entry, as far as they are known.

    Args:
        url: Where the file is published.
        dataset: What the weights were trained on.
        own: The data sets that the family file states.
    """
    table = read_terms()
    datasets: Mapping[str, Mapping[str, str]] = table["datasets"] | dict(own)
    publisher = next((facts for start, facts in table["publishers"].items() if url.startswith(start)), None)
    terms = {name: dict(datasets[name]) for name in datasets_in(dataset) if name in datasets}
    return ({"publisher": dict(publisher)} if publisher else {}) | ({"dataset_terms": terms} if terms else {})


def license_details(meta: Mapping[str, Any]) -> str:
    """Say in a line who states an entry's licence; where nobody does, what is known instead."""
    if meta.get("license_stated_by"):
        return f"says {meta['license_stated_by']}"
    publisher = meta.get("publisher")
    return f"{publisher['repository']}, which publishes it, is under {publisher['license']}" if publisher else ""
