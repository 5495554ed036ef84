"""What holds for every test: caches of its own, no mirror but what it names, no connection but to this machine."""

import os
import socket
from pathlib import Path

import pytest

# Read by huggingface_hub when it is imported.
os.environ |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


@pytest.fixture(autouse=True)
def _own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send every cache to a folder of the test's own."""
    for name in ("ZOO_OFFLINE", "HF_HUB_OFFLINE", "ZOO_WEIGHTS_PATH", "HF_TOKEN", "HF_HUB_CACHE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "caches" / "torch"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "caches" / "huggingface"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setenv("ZOO_MIRRORS", "")


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
