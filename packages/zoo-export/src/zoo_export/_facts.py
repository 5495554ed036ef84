"""What an exported file says of itself, as JSON in its metadata: the file alone is enough to use it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

KEY = "zoo"
"""Under which name files keep it."""

VERSION = 1


_KINDS: Mapping[str, type] = {
    "format": str, "model": str, "architecture": str, "task": str, "preprocessing": dict, "options": dict, "meta": dict,
    "versions": dict,
}  # fmt: skip
"""Types of facts that something is done with: a file may hold anything."""
_KIND_TEXTS: Mapping[type, str] = {str: "a text", dict: "an object"}


class ExportError(RuntimeError):
    """A model cannot be exported so, or a file was not exported by zoo. The text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class TensorFact:
    """An input or output.

    Args:
        name: What it is called.
        dtype: As NumPy calls it: `"uint8"`.
        axes: What each dimension is: a number, or the name of one that may be of any length, `"batch"`, `"height"`.
        text: For people.
    """

    name: str
    dtype: str
    axes: tuple[str | int, ...]
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What belongs to an exported model.

    Args:
        format: `"onnx"`, `"pt2"`, ….
        model: The name of the model.
        architecture: The registered name of the network.
        task: As the catalogue has it.
        weights: The entry's name; `None` for a network of which none is known.
        sha256: What is known of the digest of its file.
        license: By SPDX's identifier.
        raw: Whether it is the network alone.
        inputs: In order.
        outputs: In order.
        categories: Names of the classes.
        preprocessing: The preset and its arguments: inside the file, or, of a raw one, to be done before.
        options: What else the program was told, of what makes a difference.
        meta: What the task's predictor asks of a weights entry, of this file: the frame rate, names of keypoints.
        precision: What the network computes in: `"float32"`, `"float16"`, `"bfloat16"` or `"int8"`.
        quantization: Of an int8 file: how it was quantized, and with which pictures.
        versions: Of zoo, torch and the format's libraries.
        created: When, as ISO 8601 has it.
    """

    format: str
    model: str
    architecture: str
    task: str
    weights: str | None
    sha256: str | None
    license: str
    raw: bool
    inputs: tuple[TensorFact, ...]
    outputs: tuple[TensorFact, ...]
    categories: tuple[str, ...] | None
    preprocessing: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    precision: str = "float32"
    quantization: Mapping[str, Any] | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    created: str = ""

    def to_json(self) -> str:
        """Return the facts as files keep them."""
        return json.dumps({"zoo_export": VERSION, **asdict(self)}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, label: str) -> Self:
        """Read facts.

        Args:
            text: As files keep them.
            label: What messages call the file.

        Raises:
            ExportError: They are none, or those of a newer zoo.
        """
        try:
            document = json.loads(text)
            version = document.pop("zoo_export")
            if version != VERSION:
                raise ExportError(
                    f"{label} was exported in version {version!r} of the format, and this zoo reads {VERSION}: "
                    "install a newer zoo-export."
                )
            for name in ("inputs", "outputs"):
                document[name] = tuple(
                    TensorFact(each["name"], each["dtype"], tuple(each["axes"]), each["text"])
                    for each in document[name]
                )
            for name, kind in _KINDS.items():
                if not isinstance(document.get(name, kind()), kind):
                    raise TypeError(f"{name!r} should be {_KIND_TEXTS[kind]}, found {document[name]!r:.80}")
            if document["categories"] is not None:
                document["categories"] = tuple(document["categories"])
            return cls(**document)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ExportError(f"{label} has facts of another form: {type(error).__name__}: {error}.") from None


def own_version() -> str:
    """Return the version of this package; of a checkout that is not installed, `"checkout"`."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("zoo-export")
    except PackageNotFoundError:
        return "checkout"
