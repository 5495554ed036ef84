"""The file server that other tests rely on: what it answers, what goes wrong on demand, what it records."""

import http.client
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from servers import (
    EVERY_PATH,
    Corrupted,
    Delayed,
    FileServer,
    HtmlPage,
    RangeIgnored,
    RedirectLoop,
    RedirectTo,
    Stalled,
    Status,
    Truncated,
    WrongEtag,
)

WEIGHTS = bytes(range(256)) * 8
Answer = tuple[int, Mapping[str, str], bytes]


def fetch(url: str, method: str = "GET", timeout: float = 5.0, **headers: str) -> Answer:
    """Send one request, following nothing; underscores in header names stand for hyphens."""
    target = urlsplit(url)
    connection = http.client.HTTPConnection(str(target.hostname), target.port or 80, timeout=timeout)
    try:
        connection.request(method, target.path, headers={name.replace("_", "-"): headers[name] for name in headers})
        response = connection.getresponse()
        return response.status, dict(response.headers), response.read()
    finally:
        connection.close()


@pytest.fixture
def files() -> Iterator[FileServer]:
    with FileServer({"/a.pth": WEIGHTS, "/b.pth": b"b"}) as server:
        yield server


# The file server when nothing goes wrong


def test_get_sends_the_file_with_its_size_and_a_strong_etag(files: FileServer) -> None:
    status, headers, body = fetch(files.url + "/a.pth")
    assert (status, body, headers["Content-Length"]) == (200, WEIGHTS, "2048")
    assert headers["ETag"].startswith('"')


def test_head_sends_the_headers_of_get_without_a_body(files: FileServer) -> None:
    status, headers, body = fetch(files.url + "/a.pth", "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", "2048")


def test_put_replaces_a_file_and_its_etag(files: FileServer) -> None:
    before = fetch(files.url + "/a.pth")[1]["ETag"]
    url = files.put("a.pth", b"new")
    assert fetch(url)[2] == b"new"
    assert fetch(url)[1]["ETag"] != before


def test_what_is_not_there_is_404_and_what_is_not_allowed_405(files: FileServer) -> None:
    assert fetch(files.url + "/none")[0] == 404
    assert fetch(files.url + "/a.pth", "POST")[0] == 405


def test_folder_is_served_and_nothing_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "a b.pth").write_bytes(WEIGHTS)
    (tmp_path / "secret").write_bytes(b"secret")
    with FileServer(folder) as server:
        assert fetch(server.url + "/a%20b.pth")[2] == WEIGHTS
        assert fetch(server.url + "/../secret")[0] == 404
        assert fetch(server.url + "/")[0] == 404


@pytest.mark.parametrize(
    ("asked", "content_range", "expected"),
    [
        ("bytes=0-9", "bytes 0-9/2048", WEIGHTS[:10]),
        ("bytes=2000-", "bytes 2000-2047/2048", WEIGHTS[2000:]),
        ("bytes=2000-9999", "bytes 2000-2047/2048", WEIGHTS[2000:]),
        ("bytes=-8", "bytes 2040-2047/2048", WEIGHTS[-8:]),
    ],
)
def test_range_sends_the_part(files: FileServer, asked: str, content_range: str, expected: bytes) -> None:
    status, headers, body = fetch(files.url + "/a.pth", Range=asked)
    assert (status, headers["Content-Range"], body) == (206, content_range, expected)


def test_range_past_the_end_is_416(files: FileServer) -> None:
    status, headers, _ = fetch(files.url + "/a.pth", Range="bytes=2048-")
    assert (status, headers["Content-Range"]) == (416, "bytes */2048")


def test_if_range_sends_the_part_of_the_same_version_and_the_whole_of_another(files: FileServer) -> None:
    url = files.url + "/a.pth"
    etag = fetch(url, "HEAD")[1]["ETag"]
    assert fetch(url, Range="bytes=2000-", If_Range=etag)[0] == 206
    files.put("/a.pth", WEIGHTS[::-1])
    assert fetch(url, Range="bytes=2000-", If_Range=etag)[::2] == (200, WEIGHTS[::-1])


def test_one_connection_carries_many_requests(files: FileServer) -> None:
    connection = http.client.HTTPConnection(files.url.removeprefix("http://"), timeout=5)
    connection.connect()
    socket = connection.sock
    for path in ("/a.pth", "/none", "/b.pth"):
        connection.request("GET", path)
        connection.getresponse().read()
        assert connection.sock is socket
    connection.close()


# What it records


def test_each_request_is_recorded_with_what_was_sent(files: FileServer) -> None:
    fetch(files.url + "/a.pth", Authorization="Bearer hf_secret", Range="bytes=0-9")
    fetch(files.url + "/b.pth", "HEAD")
    first, second = files.requests
    assert (first.method, first.path, first.status, first.bytes_sent) == ("GET", "/a.pth", 206, 10)
    assert first.headers["authorization"] == "Bearer hf_secret"
    assert (second.method, second.path, second.status, second.bytes_sent) == ("HEAD", "/b.pth", 200, 0)


def test_requests_are_counted_by_path_and_method(files: FileServer) -> None:
    for method in ("HEAD", "GET", "GET"):
        fetch(files.url + "/a.pth", method)
    assert (files.count("/a.pth"), files.count("/a.pth", "GET"), files.count("/b.pth")) == (3, 2, 0)
    assert files.bytes_sent("/a.pth") == 2 * len(WEIGHTS)


def test_requests_of_many_threads_are_all_recorded(files: FileServer) -> None:
    threads = [threading.Thread(target=fetch, args=(files.url + "/a.pth",)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files.bytes_sent("/a.pth") == 20 * len(WEIGHTS)


def test_waiting_for_a_request_that_does_not_come_is_an_error(files: FileServer) -> None:
    with pytest.raises(TimeoutError, match=r"expected a request for /a\.pth"):
        files.wait_for("/a.pth", timeout=0.01)


# What goes wrong on demand


@pytest.mark.parametrize("code", [403, 404, 500, 503])
def test_status_fault(files: FileServer, code: int) -> None:
    files.fail("/a.pth", Status(code))
    assert fetch(files.url + "/a.pth")[0] == code
    assert files.requests[0].status == code


def test_status_fault_says_when_to_come_back(files: FileServer) -> None:
    files.fail("/a.pth", Status(429, retry_after=7))
    status, headers, _ = fetch(files.url + "/a.pth")
    assert (status, headers["Retry-After"]) == (429, "7")


def test_html_page_fault(files: FileServer) -> None:
    files.fail("/a.pth", HtmlPage())
    status, headers, body = fetch(files.url + "/a.pth")
    assert (status, headers["Content-Type"], body[:15]) == (200, "text/html; charset=utf-8", b"<!doctype html>")


def test_truncated_fault(files: FileServer) -> None:
    files.fail("/a.pth", Truncated(after=100))
    with pytest.raises(http.client.IncompleteRead) as caught:
        fetch(files.url + "/a.pth")
    assert (caught.value.partial, caught.value.expected) == (WEIGHTS[:100], 1948)
    assert files.bytes_sent("/a.pth") == 100


def test_stalled_fault_sends_nothing_more_until_released(files: FileServer) -> None:
    files.fail("/a.pth", Stalled(after=100))
    with pytest.raises(TimeoutError):
        fetch(files.url + "/a.pth", timeout=0.1)
    assert files.bytes_sent("/a.pth") == 100
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(fetch(files.url + "/a.pth")))
    thread.start()
    files.release()
    thread.join()
    assert answers[0][2] == WEIGHTS


def test_delayed_fault_answers_late(files: FileServer) -> None:
    files.fail("/a.pth", Delayed(seconds=0.05))
    start = time.monotonic()
    assert fetch(files.url + "/a.pth")[2] == WEIGHTS
    assert time.monotonic() - start >= 0.05


def test_corrupted_fault_changes_one_byte_and_nothing_else(files: FileServer) -> None:
    whole = fetch(files.url + "/a.pth")
    files.fail("/a.pth", Corrupted(offset=1000))
    status, headers, body = fetch(files.url + "/a.pth")
    assert [i for i in range(len(WEIGHTS)) if body[i] != WEIGHTS[i]] == [1000]
    assert (status, len(body), headers["ETag"]) == (200, len(WEIGHTS), whole[1]["ETag"])


def test_wrong_etag_fault(files: FileServer) -> None:
    files.fail("/a.pth", WrongEtag('"other"'))
    assert fetch(files.url + "/a.pth")[1]["ETag"] == '"other"'


def test_range_ignored_fault(files: FileServer) -> None:
    files.fail("/a.pth", RangeIgnored())
    assert fetch(files.url + "/a.pth", Range="bytes=5-")[::2] == (200, WEIGHTS)


def test_redirect_loop_fault(files: FileServer) -> None:
    files.fail("/a.pth", RedirectLoop())
    assert fetch(files.url + "/a.pth")[1]["Location"] == "/a.pth"


def test_redirect_to_another_origin(files: FileServer) -> None:
    with FileServer({"/a.pth": b"elsewhere"}) as other:
        files.fail("/a.pth", RedirectTo(other.url))
        status, headers, _ = fetch(files.url + "/a.pth")
        assert (status, fetch(headers["Location"])[2]) == (302, b"elsewhere")


def test_faults_are_used_up_one_after_the_other(files: FileServer) -> None:
    files.fail("/a.pth", Status(503), times=2)
    files.fail("/a.pth", Status(500), times=1)
    assert [fetch(files.url + "/a.pth")[0] for _ in range(4)] == [503, 503, 500, 200]


def test_fault_meets_only_its_path_and_method(files: FileServer) -> None:
    files.fail("/a.pth", Status(503), method="GET")
    assert fetch(files.url + "/a.pth", "HEAD")[0] == 200
    assert fetch(files.url + "/b.pth")[0] == 200
    assert fetch(files.url + "/a.pth")[0] == 503


def test_fault_on_every_path_ends_with_recovery(files: FileServer) -> None:
    files.fail(EVERY_PATH, Status(503))
    assert (fetch(files.url + "/a.pth")[0], fetch(files.url + "/b.pth")[0]) == (503, 503)
    files.recover()
    assert fetch(files.url + "/a.pth")[0] == 200


@pytest.mark.parametrize("fault", [Stalled(after=100), Delayed()])
def test_closing_ends_what_hangs_at_once(fault: Stalled | Delayed) -> None:
    failures: list[Exception] = []

    def client(url: str) -> None:
        try:
            fetch(url, timeout=30)
        except (http.client.HTTPException, ConnectionError) as error:
            failures.append(error)

    before = set(threading.enumerate())
    with FileServer({"/a.pth": WEIGHTS}) as server:
        server.fail("/a.pth", fault)
        thread = threading.Thread(target=client, args=(server.url + "/a.pth",))
        thread.start()
        server.wait_for("/a.pth")
        start = time.monotonic()
    assert time.monotonic() - start < 2
    thread.join()
    assert len(failures) == 1
    assert set(threading.enumerate()) == before


def test_closing_ends_connections_that_are_kept_open() -> None:
    before = set(threading.enumerate())
    with FileServer({"/a.pth": WEIGHTS}) as server:
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=5)
        connection.request("GET", "/a.pth")
        connection.getresponse().read()
    assert set(threading.enumerate()) == before
    connection.close()
