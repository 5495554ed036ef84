"""Sources that never end, or come too slowly: each is given up after a stated time, and the next one is asked."""

import hashlib
import json
import random
import socket
import threading
import time

import pytest

from servers import FileServer, HubServer, RawServer
from zoo_classification import ResNet50_Weights
from zoo_core import Preset, Weights, get_model_weights, get_weight, list_models
from zoo_core.errors import SourceError, WeightsUnavailableError
from zoo_core.files import Settings, file_of_url, resolve
from zoo_core.files.sources._named import parse_mirror
from zoo_core.files.store._weights_file import LARGEST_FILE
from zoo_core.files.transfer._connections import connect_to_any

CONTENT = random.Random(3).randbytes(100_000)
NAME = f"model-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"
ENTRY = "Model_Weights.V1"
OK = b"HTTP/1.1 200 OK\r\n"
BODY = OK + b"Content-Length: 100000\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

ENDLESS = {
    "header bytes in drips": (OK + b"X-Drip: ", b"x", 0.02),
    "a status line in drips": (b"HTTP/1.1 2", b"0", 0.02),
    "continue for ever": (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.0),
    "continue for ever, slowly": (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.02),
    "a body in drips": (BODY, b"x", 0.02),
    "chunks in drips": (CHUNKED, b"1\r\nx\r\n", 0.02),
    "a line between chunks in drips": (CHUNKED + b"1;", b"x", 0.02),
    "long lines between small chunks": (CHUNKED, b"1;" + b"x" * 60_000 + b"\r\nx\r\n", 0.02),
    "trailers without an end": (CHUNKED + b"5\r\nabcde\r\n0\r\n", b"X-Trailer: 1\r\n", 0.0),
    "trailers without an end, after much": (CHUNKED + b"fa00\r\n" + bytes(64_000) + b"\r\n0\r\n", b"X: 1\r\n", 0.0),
    "trailers in drips": (CHUNKED + b"5\r\nabcde\r\n0\r\n", b"X: 1\r\n", 0.02),
    "nothing": (b"", b"", 60.0),
    "a redirect with a body in drips": (b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n", b"x", 0.02),
    "an error with a body without an end": (b"HTTP/1.1 500 No\r\n\r\n", b"x" * 60_000, 0.0),
}
"""What a server says first, then for ever, and the pause before each of that, in seconds."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr("zoo_core.files.transfer._http.TIMEOUT", 0.3)
    monkeypatch.setattr("zoo_core.files.sources._web_server.ANSWER_TIMEOUT", 0.3)
    monkeypatch.setattr("zoo_core.files.sources._web_server.DOCUMENT_TIMEOUT", 0.6)
    monkeypatch.setattr("zoo_core.files.sources._hub_client.ANSWER_TIMEOUT", 0.3)
    monkeypatch.setattr("zoo_core.files.sources._hub_client.DOCUMENT_TIMEOUT", 0.6)
    monkeypatch.setattr("zoo_core.files.transfer._download.RESUMPTIONS", 0)
    monkeypatch.setattr("zoo_core.files._resolve.PAUSES", ())


@pytest.fixture
def good():
    """Where the file is published."""
    with FileServer({f"/{NAME}": CONTENT}) as server:
        yield file_of_url(ENTRY, f"{server.url}/{NAME}")


@pytest.mark.parametrize(("first", "then", "pause"), ENDLESS.values(), ids=ENDLESS)
def test_mirror_that_never_ends_is_passed_over(good, monkeypatch, first, then, pause):
    with RawServer(first, then, pause=pause) as mirror:
        monkeypatch.setenv("ZOO_MIRRORS", mirror.url)
        started = time.perf_counter()
        assert resolve(good, progress=False).source == good.url
        assert time.perf_counter() - started < 4


@pytest.mark.parametrize(("first", "then", "pause"), ENDLESS.values(), ids=ENDLESS)
def test_file_that_never_ends_is_given_up(first, then, pause):
    with RawServer(first, then, pause=pause) as upstream:
        started = time.perf_counter()
        with pytest.raises(WeightsUnavailableError, match=r"came|whole|broke off|HTTP 500|circle|not HTTP|longer"):
            resolve(file_of_url(ENTRY, f"{upstream.url}/{NAME}"), progress=False)
        assert time.perf_counter() - started < 4


@pytest.mark.parametrize(("first", "then", "pause"), ENDLESS.values(), ids=ENDLESS)
def test_hub_that_never_ends_is_passed_over(good, monkeypatch, first, then, pause):
    with RawServer(first, then, pause=pause) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("ZOO_MIRRORS", "hf://org/weights")
        started = time.perf_counter()
        assert resolve(good, progress=False).source == good.url
        assert time.perf_counter() - started < 4


def test_manifest_that_comes_for_hours_at_a_bearable_rate_has_an_end_in_all(good, monkeypatch):
    piece = b'{"format": "zoo-manifest", "files": {' + b" " * 2000
    with RawServer(OK + b"\r\n", piece, pause=0.02) as mirror:
        monkeypatch.setenv("ZOO_MIRRORS", mirror.url)
        with pytest.raises(SourceError, match=r"took longer than 0\.6 seconds"):
            parse_mirror(mirror.url).manifest(Settings.from_environment())
        assert resolve(good, progress=False).source == good.url


def test_least_rate_is_more_than_two_kibibytes_a_second(monkeypatch):
    monkeypatch.setattr("zoo_core.files.transfer._http.TIMEOUT", 0.5)
    with (
        RawServer(BODY, bytes(205), pause=0.1) as upstream,
        pytest.raises(WeightsUnavailableError, match=r"only [\d,]+ bytes came in 0.5 seconds"),
    ):
        resolve(file_of_url(ENTRY, f"{upstream.url}/{NAME}"), progress=False)


def test_time_in_which_nobody_waits_does_not_count(good):
    """A slow disk is not a slow server."""
    from zoo_core.files.transfer._http import Address, open_download

    with open_download(Address(good.url)) as answer:
        received = b""
        for block in answer.blocks:
            time.sleep(0.4)
            received += block
    assert received == CONTENT


# Files of unknown size


def test_body_without_an_end_is_cut_off_at_the_most_that_the_file_can_have(good, monkeypatch):
    file = file_of_url(ENTRY, good.url, largest=len(CONTENT) + 50_000)
    with RawServer(OK + b"\r\n", bytes(50_000)) as mirror:
        monkeypatch.setenv("ZOO_MIRRORS", mirror.url)
        monkeypatch.setattr("zoo_core.files.sources._web_server._manifest", lambda *_: _no_manifest())
        assert resolve(file, progress=False).source == good.url
    with RawServer(OK + b"\r\n", bytes(50_000)) as upstream:
        endless = file_of_url(ENTRY, f"{upstream.url}/other.pth", largest=150_000)
        with pytest.raises(WeightsUnavailableError, match="more than the 150,000 bytes that the file can have"):
            resolve(endless, progress=False)


def _no_manifest():
    from zoo_core.files import Manifest

    return Manifest()


def test_size_that_the_file_cannot_have_is_refused_before_a_byte_is_read():
    with FileServer({"/other.pth": CONTENT}) as upstream:
        file = file_of_url(ENTRY, f"{upstream.url}/other.pth", largest=1000)
        with pytest.raises(WeightsUnavailableError, match="another file: 100,000 bytes, expected 1,000 at most"):
            resolve(file, progress=False)


def test_hash_of_a_file_without_an_end_ends():
    with RawServer(OK + b"\r\n", bytes(50_000)) as mirror, pytest.raises(SourceError, match="more than the 200,000"):
        parse_mirror(mirror.url).hash("a.pth", 200_000)


MEMBERS = sorted({str(member) for name in list_models() for member in get_model_weights(name)})


@pytest.mark.parametrize("name", MEMBERS)
def test_every_entry_has_a_largest_size_that_its_file_does_not_exceed(name):
    member = get_weight(name)
    stated = member.size or int(member.meta["_file_size"] * 2**20)
    assert stated <= member.file.largest <= 2 * stated + 2 * 2**20
    assert member.meta["num_params"] < member.file.largest


@pytest.mark.parametrize(
    ("meta", "largest"),
    [
        ({"_file_size": 100.0}, 125 * 2**20 + 2**20),
        ({"num_params": 1000}, 20_000 + 2**20),
        ({"_file_size": 0, "num_params": 1000}, 20_000 + 2**20),
        ({"_file_size": "large"}, LARGEST_FILE),
        ({"_file_size": float("nan")}, LARGEST_FILE),
        ({"_file_size": float("inf")}, LARGEST_FILE),
        ({}, LARGEST_FILE),
    ],
)
def test_largest_size_of_an_entry_written_in_python(monkeypatch, meta, largest):
    weights = Weights("https://host/file.pth", Preset("ImageClassification", {}), meta)
    monkeypatch.setattr(ResNet50_Weights.IMAGENET1K_V1, "_value_", weights)
    assert ResNet50_Weights.IMAGENET1K_V1.file.largest == largest


# Hosts that are not there


def test_eight_dead_addresses_of_a_host_cost_one_timeout_together(monkeypatch):
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)  # its queue is full with the first
        place = deaf.getsockname()
        first.connect(place)
        second.setblocking(False)
        second.connect_ex(place)
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", place)] * 8
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        started = time.perf_counter()
        with pytest.raises(TimeoutError):
            connect_to_any(place, 0.8)
        assert 0.7 < time.perf_counter() - started < 1.5


def test_address_that_works_behind_a_dead_one_is_used(monkeypatch):
    with FileServer({}) as server:
        port = int(server.url.rpartition(":")[2])
        closed = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 9))
        works = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [closed, works])
        with connect_to_any(("host", port), 1.0) as connection:
            assert connection.getpeername() == ("127.0.0.1", port)


def test_listing_of_a_hub_that_has_always_another_page_ends(monkeypatch):
    monkeypatch.setattr("zoo_core.files.sources._hub_client.MOST_PAGES", 3)
    page = json.dumps([]).encode()
    head = OK + b'Link: </again>; rel="next"\r\nContent-Length: %d\r\n\r\n' % len(page)
    with RawServer(head + page) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        with pytest.raises(SourceError, match="more than 3 pages"):
            parse_mirror("hf://org/weights").see("a.pth")


def test_hub_is_read_page_by_page(monkeypatch):
    with HubServer(page_size=1) as hub:
        hub.add_repo("org/weights", {"a.pth": b"a", "b/c.pth": b"bc", "d.txt": b"def"})
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        mirror = parse_mirror("hf://org/weights")
        assert [mirror.see(path).size for path in ("a.pth", "b/c.pth", "d.txt")] == [1, 2, 3]
        assert mirror.see("d.txt").sha256 is None
        assert mirror.see("b/c.pth").sha256 == hashlib.sha256(b"bc").hexdigest()
        assert mirror.hash("b/c.pth", 2).sha256 == hashlib.sha256(b"bc").hexdigest()
        assert mirror.see("b") is None


def test_name_server_that_does_not_answer_is_given_up(monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args: released.wait(30))
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="no name server told an address"):
        connect_to_any(("weights.example", 80), 0.3)
    assert time.monotonic() - began < 5
    released.set()
