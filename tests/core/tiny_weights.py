"""A small zoo package whose weights are on a server of the test's: what mirrors, bundles and lock files are made of."""

import hashlib
import io
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from core.example_package import ENTRY, FAMILY
from servers import FileServer

V1, V2 = "Tiny_Weights.V1", "Tiny_Weights.V2"


@dataclass(frozen=True)
class Published:
    """A file that the package's entry names."""

    entry: str
    name: str
    content: bytes
    state: dict[str, Tensor]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def path(self) -> str:
        """Where a mirror has it."""
        return f"{self.entry}/{self.name}"

    @property
    def twin_path(self) -> str:
        return self.path.replace(".pth", ".safetensors")


def published(entry: str, seed: int, **more: object) -> Published:
    """Make weights of the package's network, and publish nothing yet."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        state = nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).state_dict()
    output = io.BytesIO()
    torch.save({**state, **more}, output)
    sha256 = hashlib.sha256(output.getvalue()).hexdigest()
    return Published(entry, f"tiny_{seed}-{sha256[:8]}.pth", output.getvalue(), state)


def family_of(upstream: FileServer, files: list[Published]) -> dict[str, Any]:
    """Publish the files, and return the catalogue of their package: V1 with a prefix, V2 with the full digest."""
    facts = {}
    for file in files:
        known = {"sha256": file.sha256, "bytes": len(file.content)} if file.entry == V2 else {}
        url = upstream.put(f"/models/{file.name}", file.content)
        facts[file.entry.partition(".")[2]] = ENTRY | {"url": url} | known
    models = {"tiny": {"weights": "Tiny_Weights"}}
    return FAMILY | {"models": models, "weights": {"Tiny_Weights": facts}}
