"""What holds for every test: caches of its own, no mirror but what it names, no connection but to this machine."""

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from zoo_core import Weights, WeightsEnum
from zoo_core.files import Settings, sha256_of
from zoo_core.files.sources._asked_once import forget_answers

# Read by huggingface_hub when it is imported. A token that somebody has logged in with must not reach test servers.
os.environ |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
os.environ["HF_TOKEN_PATH"] = "/no/such/token"


@pytest.fixture(autouse=True)
def _own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send every cache to a folder of the test's own."""
    for name in ("ZOO_OFFLINE", "HF_HUB_OFFLINE", "ZOO_WEIGHTS_PATH", "HF_TOKEN", "HF_HUB_CACHE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "caches" / "torch"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "caches" / "huggingface"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setenv("ZOO_MIRRORS", "")
    for name in ("ZOO_LOCK", "ZOO_LICENSES"):
        monkeypatch.delenv(name, raising=False)
    forget_answers()


@pytest.fixture(autouse=True)
def _this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections to anywhere else, by name or by address."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def checked_connect(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and address[0] not in {"127.0.0.1", "::1"}:
            raise AssertionError(f"A test tried to connect to {address}.")
        connect(self, address)  # type: ignore[arg-type]

    def checked_look_up(host: object, *args: object, **kwargs: object) -> object:
        if host not in {"127.0.0.1", "::1", "localhost", None, ""}:
            raise socket.gaierror(socket.EAI_NONAME, f"the tests know no host {host!r}")
        return look_up(host, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", checked_connect)
    monkeypatch.setattr(socket, "getaddrinfo", checked_look_up)


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Put tensors where a weights member's file would be after a download, under a name that carries their digest."""

    def publish_state(member: WeightsEnum, state: Mapping[str, Tensor], *, as_zip: bool = True) -> Path:
        folder = Settings.from_environment().checkpoints
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(state, folder / "unnamed", _use_new_zipfile_serialization=as_zip)
        name = f"{member.file.name.partition('-')[0]}-{sha256_of(folder / 'unnamed')[:8]}.pth"
        value = Weights(f"http://127.0.0.1:9/{name}", member.transforms, member.meta)
        monkeypatch.setattr(member, "_value_", value)
        return (folder / "unnamed").rename(folder / name)

    return publish_state
