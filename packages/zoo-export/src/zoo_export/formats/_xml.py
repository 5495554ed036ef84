"""Reads a model's information from the XML of OpenVINO: no library is needed, and entities are refused."""

from pathlib import Path
from xml.parsers import expat

from zoo_export._facts import KEY, ExportError


class _RefusedError(ValueError):
    """The file has what no model has."""


def read_information(path: Path) -> str | None:
    """Return what a model's `rt_info` has under zoo's key; `None` if there is nothing.

    Raises:
        ExportError: It is no XML.
    """
    inside: list[str] = []
    found: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        inside.append(name)
        if inside[1:] == ["rt_info", KEY]:
            found.append(attributes.get("value", ""))

    def refuse(*_arguments: object) -> None:
        raise _RefusedError("it declares entities")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _name: inside.pop()
    parser.EntityDeclHandler = refuse
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
    except (expat.ExpatError, _RefusedError) as error:
        raise ExportError(f"{path} cannot be read as a model of OpenVINO: {error}.") from error
    return found[0] if found else None
