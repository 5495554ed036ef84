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
        agreement: Of an int8 file: the share of the labels that are the model's, of pictures, pixels or objects.
    """

    what: str
    difference: float
    agrees: bool
    agreement: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What was found.

    Args:
        file: The file's name.
        sha256: Its digest.
        model: What it was compared with.
        weights: Of the model.
        format: Of the file.
        tolerance: The largest difference that is allowed; of an int8 file, on average.
        least_agreement: Of an int8 file, the least share of labels that have to be the model's.
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
    least_agreement: float | None = None

    @property
    def difference(self) -> float:
        """The largest of all inputs; of an int8 file, their average."""
        differences = [each.difference for each in self.inputs]
        return max(differences) if self.least_agreement is None else sum(differences) / len(differences)

    @property
    def agreement(self) -> float:
        """The share of the labels that are the model's, on average over the inputs."""
        return sum(each.agreement for each in self.inputs) / len(self.inputs)

    @property
    def holds(self) -> bool:
        """Whether the file gives what the model gives."""
        if self.least_agreement is not None:
            return self.agreement >= self.least_agreement and self.difference <= self.tolerance
        return all(map(self.agrees_on, self.inputs))

    def agrees_on(self, compared: Compared) -> bool:
        """Tell whether an input's results agree, and are within the tolerance."""
        return compared.agrees and compared.difference <= self.tolerance

    def summary(self) -> str:
        """Return a line for people."""
        faster = self.latency["eager"] / self.latency["exported"]
        size = f"{faster:.2f} times as fast as in PyTorch, {self.bytes / 2**20:.1f} MiB"
        if self.least_agreement is not None:
            return (
                f"{self.agreement:.1%} of the labels agree on {len(self.inputs)} inputs ({self.least_agreement:.0%} "
                f"have to), difference {self.difference:.1e} of {self.tolerance:.0e} on average, {size}"
            )
        agreeing = sum(map(self.agrees_on, self.inputs))
        return (
            f"{agreeing} of {len(self.inputs)} inputs agree, largest difference {self.difference:.1e} of "
            f"{self.tolerance:.0e}, {size}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON takes it."""
        return asdict(self) | {"holds": self.holds, "difference": self.difference, "agreement": self.agreement}

    def write(self, path: Path) -> None:
        """Write the certificate as JSON."""
        path.write_text(json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a certificate."""
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for name in ("holds", "difference", "agreement"):
            del document[name]
        document["inputs"] = tuple(Compared(**each) for each in document["inputs"])
        return cls(**document)


def certificate_path(path: Path) -> Path:
    """Return where the certificate of a file is: beside it."""
    return path.with_name(f"{path.name}.certificate.json")
