"""What verifying costs: a download from this machine against plain copies, a file that is here already, and a cache.

    nox -s bench -- fetch [MEBIBYTES]

The server is a process of its own that sends with `sendfile`, so that what is measured is the client.
"""

import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import in_turn, milliseconds, print_table, process_figure

SERVER = """
import socket, sys, threading
path, size = sys.argv[1], int(sys.argv[2])
def answer(connection):
    with connection, open(path, "rb") as file:
        while b"\\r\\n\\r\\n" not in connection.recv(65536):
            pass
        head = f'HTTP/1.1 200 OK\\r\\nContent-Length: {size}\\r\\nETag: "1"\\r\\nConnection: close\\r\\n\\r\\n'
        connection.sendall(head.encode())
        connection.sendfile(file)
with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
    print(listener.getsockname()[1], flush=True)
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
"""

CLIENT = """
import sys, time
url, folder, name = sys.argv[1:]
{imports}
started = time.perf_counter()
{call}
print(time.perf_counter() - started)
"""
VERIFIED = CLIENT.format(
    imports="from zoo_core.files import file_of_url, resolve\nimport filelock",
    call="resolve(file_of_url('Model_Weights.V1', url), progress=False)",
)
CURL = CLIENT.format(
    imports="import subprocess",
    call="subprocess.run(['curl', '-s', '-o', f'{folder}/{name}', url], check=True)",
)
PYTHON = CLIENT.format(
    imports="import shutil, urllib.request",
    call="shutil.copyfileobj(urllib.request.urlopen(url), open(f'{folder}/{name}', 'wb'), 1 << 20)",
)
TORCH_HUB = CLIENT.format(
    imports="import torch.hub",
    call="torch.hub.download_url_to_file(url, f'{folder}/{name}', name.split('-')[1][:8], progress=False)",
)

WARM = """
import statistics, sys, time
from zoo_core.files import file_of_url, resolve
file = file_of_url("Model_Weights.V1", sys.argv[1])
resolve(file, progress=False)
times = []
for _ in range(200):
    started = time.perf_counter()
    resolve(file, progress=False)
    times.append(time.perf_counter() - started)
print(statistics.median(times))
"""

VERIFY = """
import sys, time
from zoo_core import Weights, get_weight
from zoo_core.cli import main
member = get_weight("ResNet18_Weights.DEFAULT")
member._value_ = Weights(sys.argv[1], member.transforms, member.meta)
main(["cache", "ls"], standalone_mode=False)
started = time.perf_counter()
main(["cache", "verify", "resnet18"], standalone_mode=False)
print(time.perf_counter() - started)
"""
SHA256SUM = """
import subprocess, sys, time
started = time.perf_counter()
subprocess.run(["sha256sum", sys.argv[1]], check=True, stdout=subprocess.DEVNULL)
print(time.perf_counter() - started)
"""


@contextmanager
def served(path: Path) -> Iterator[str]:
    """Give the URL of a file, from a server that runs until the end."""
    command = [sys.executable, "-c", SERVER, str(path), str(path.stat().st_size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}/{path.name}"
        finally:
            server.terminate()


def downloads(path: Path, checkpoints: Path, rounds: int) -> None:
    clients = {"zoo, verified": VERIFIED, "curl": CURL, "plain Python": PYTHON, "torch.hub, with check_hash": TORCH_HUB}
    if shutil.which("curl") is None:
        del clients["curl"]

    def timed(code: str, url: str) -> float:
        shutil.rmtree(checkpoints, ignore_errors=True)
        checkpoints.mkdir(parents=True)
        return process_figure(code, url, str(checkpoints), path.name)()

    with served(path) as url:
        times = in_turn([lambda code=code: timed(code, url) for code in clients.values()], rounds)  # type: ignore[misc]
    ours = statistics.median(times[0])
    rows = [
        (name, milliseconds(figures), f"{ours / statistics.median(figures):.2f}")
        for name, figures in zip(clients, times, strict=True)
    ]
    print_table(f"Download of {path.stat().st_size >> 20} MiB from this machine", ("", "time", "zoo takes"), rows)


def caches(path: Path, checkpoints: Path, rounds: int) -> None:
    checkpoints.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, checkpoints / path.name)
    url = f"http://127.0.0.1:9/{path.name}"
    warm, verify, plain = in_turn(
        [
            process_figure(WARM, url),
            process_figure(VERIFY, url),
            process_figure(SHA256SUM, str(checkpoints / path.name)),
        ],
        rounds,
    )
    print_table(
        "A verified file, and a cache",
        ("", "time"),
        [("resolve a verified file", f"{statistics.median(warm) * 1e3:.3f} ms")],
    )
    rows = [
        ("zoo cache verify", milliseconds(verify), f"{statistics.median(verify) / statistics.median(plain):.2f}"),
        ("sha256sum", milliseconds(plain), "1.00"),
    ]
    print_table(f"Hashing {path.stat().st_size >> 20} MiB", ("", "time", "ratio"), rows)


def main(mebibytes: int = 256, rounds: int = 9) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"TORCH_HOME": f"{folder}/torch", "XDG_CACHE_HOME": folder, "ZOO_MIRRORS": ""}
        content = os.urandom(mebibytes << 20)
        path = Path(folder, f"model-{hashlib.sha256(content).hexdigest()[:8]}.pth")
        path.write_bytes(content)
        del content
        checkpoints = Path(folder, "torch/hub/checkpoints")
        downloads(path, checkpoints, rounds)
        caches(path, checkpoints, rounds)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
