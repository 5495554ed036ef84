"""What was found when an exported file was run beside the model."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self


class CertificateError(RuntimeError):
    """An exported file does not give what the model gives. The text says where it first differs."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One input.

    Args:
        what: Which one: `"black, 64 x 48"`.
        difference: The largest absolute difference of an output from the model's.
        agrees: Whether the results mean the same: the same class, the same objects.
    """

    what: str
    difference: float
    agrees: bool


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What was found.

    Args:
        file: The file's name.
        sha256: Its digest.
        model: What it was compared with.
        weights: Of the model.
        format: Of the file.
        tolerance: The largest difference that is allowed.
        inputs: What was compared.
        latency: Seconds for one input: of the model (`"eager"`) and of the file (`"exported"`), medians.
        bytes: The file's size.
        versions: Of what ran it.
        created: When.
    """

    file: str
    sha256: str
    model: str
    weights: str | None
    format: str
    tolerance: float
    inputs: tuple[Compared, ...]
    latency: Mapping[str, float]
    bytes: int
    versions: Mapping[str, str]
    created: str

    @property
    def difference(self) -> float:
        """The largest of all inputs."""
        return max(each.difference for each in self.inputs)

    @property
    def holds(self) -> bool:
        """Whether the file gives what the model gives."""
        return all(each.agrees and each.difference <= self.tolerance for each in self.inputs)

    def summary(self) -> str:
        """Return a line for people."""
        agreeing = sum(each.agrees for each in self.inputs)
        faster = self.latency["eager"] / self.latency["exported"]
        return (
            f"{agreeing} of {len(self.inputs)} inputs agree, largest difference {self.difference:.1e} of "
            f"{self.tolerance:.0e}, {faster:.2f} times as fast as in PyTorch, {self.bytes / 2**20:.1f} MiB"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON takes it."""
        return asdict(self) | {"holds": self.holds, "difference": self.difference}

    def write(self, path: Path) -> None:
        """Write the certificate as JSON."""
        path.write_text(json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a certificate."""
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        del document["holds"], document["difference"]
        document["inputs"] = tuple(Compared(**each) for each in document["inputs"])
        return cls(**document)


def certificate_path(path: Path) -> Path:
    """Return where the certificate of a file is: beside it."""
    return path.with_name(f"{path.name}.certificate.json")
