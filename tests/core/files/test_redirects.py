"""What a server says of itself, its redirects above all: whatever it is, it has a reason, and the next is asked."""

import hashlib
import json
import random
from urllib.request import Request

import pytest

from servers import FileServer, Headers, HubServer, RawServer, RedirectTo, RedirectToUrl, Response, WrongEtag
from zoo_core.errors import SourceError, WeightsUnavailableError
from zoo_core.files import Settings, file_of_url, resolve
from zoo_core.files.sources._named import parse_mirror
from zoo_core.files.transfer._http import Address, answered_with, ask_head, open_download
from zoo_core.files.transfer._redirects import redirected, target_of

CONTENT = random.Random(4).randbytes(50_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = f"model-{SHA256[:8]}.pth"
ENTRY = "Model_Weights.V1"
NESTED = f"{ENTRY}/{NAME}"
REPO = "org/weights"

NOT_FOLLOWED = [
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "file://localhost/etc/passwd",
    "ftp://127.0.0.1/x",
    "data:text/plain,x",
    "javascript:1",
    "gopher://127.0.0.1/",
    "http://[::1",
    "http://127.0.0.1:port/",
    "http://127.0.0.1:99999999/",
    "http://",
    "http://[1.2.3.4]/",
    f"http://{'a' * 70}.invalid/",
    "http://user:password@:x/",
    "",
    "\x00",
    "//[",
]
MANGLED_ANSWERS = {
    "Content-Length, twice": b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\nContent-Length: 7\r\n\r\n",
    "Content-Length, a list": b"HTTP/1.1 200 OK\r\nContent-Length: 50000, 7\r\n\r\n",
    "Content-Length, below zero": b"HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\n",
    "Content-Length, long": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 6000 + b"\r\n\r\n",
    "Content-Length, no number": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    "Content-Length, too large": b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999999999\r\n\r\n",
    "chunk size, no number": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "chunk size, below zero": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabcde\r\n",
    "chunk size, long": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 60_000 + b"\r\nabc",
    "chunk line, too long": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 70_000 + b"\r\nabc",
    "chunk without an end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "status, no number": b"HTTP/1.1 OK\r\n\r\n",
    "status, below zero": b"HTTP/1.1 -200 OK\r\n\r\n",
    "status, large": b"HTTP/1.1 99999 OK\r\n\r\n",
    "status line, garbage": b"\xff\xfe\x00garbage\r\n\r\n",
    "status line, too long": b"HTTP/1.1 200 " + b"x" * 70_000 + b"\r\n\r\n",
    "a command to the terminal": b"HTTP/1.1 500 \x1b[2J\x1b]0;title\x07\r\n\r\n",
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 200 + b"\r\n",
    "header line, too long": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
    "headers without names": b"HTTP/1.1 200 OK\r\n: x\r\n\x00\x00\r\n\r\n",
    "content type, garbage": b'HTTP/1.1 200 OK\r\nContent-Type: \xff;;="\r\nContent-Length: 9\r\n\r\n',
    "early hints alone": b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "a part that nobody asked for": b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/2\r\n\r\nab",
    "nothing was changed": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "redirect without an address": b"HTTP/1.1 302 Found\r\n\r\n",
    "an older protocol": b"ICY 200 OK\r\n\r\n",
    "an even older protocol": b"x",
    "nothing": b"",
}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr("zoo_core.files.transfer._http.TIMEOUT", 1.0)
    monkeypatch.setattr("zoo_core.files._resolve.PAUSES", ())


@pytest.fixture
def good():
    """Where the file is published."""
    with FileServer({f"/{NAME}": CONTENT}) as server:
        yield file_of_url(ENTRY, f"{server.url}/{NAME}")


# Redirects


@pytest.mark.parametrize("location", NOT_FOLLOWED)
def test_redirect_to_anything_but_the_web_is_refused_and_the_next_source_asked(good, monkeypatch, location):
    with FileServer({}) as mirror:
        mirror.fail("*", RedirectToUrl(location))
        monkeypatch.setenv("ZOO_MIRRORS", mirror.url)
        assert resolve(good, progress=False).source == good.url


@pytest.mark.parametrize("where", ["repository", "manifest", "file", "storage"])
@pytest.mark.parametrize("location", NOT_FOLLOWED)
def test_redirect_of_a_hub_to_anything_but_the_web_is_refused(good, monkeypatch, location, where):
    with HubServer() as hub:
        hub.add_repo(REPO, {NESTED: CONTENT})
        server, path = {
            "repository": (hub, f"/api/models/{REPO}/revision/main"),
            "manifest": (hub, hub.resolve_path(REPO, "manifest.json")),
            "file": (hub, hub.resolve_path(REPO, NESTED)),
            "storage": (hub.storage, hub.storage_path(REPO, NESTED)),
        }[where]
        server.fail(path, RedirectToUrl(location))
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("ZOO_MIRRORS", f"hf://{REPO}")
        assert resolve(good, progress=False).source == good.url


def test_local_file_that_a_hub_redirects_to_is_never_opened(good, monkeypatch, tmp_path):
    (tmp_path / "secret.json").write_text(json.dumps({"format": "zoo-manifest", "version": 1, "files": {}}))
    with HubServer() as hub:
        hub.add_repo(REPO, {NESTED: CONTENT})
        answer = RedirectToUrl(f"file://{tmp_path}/secret.json")
        hub.fail(hub.resolve_path(REPO, "manifest.json"), answer)
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        with pytest.raises(SourceError, match="redirects to 'file', which is not followed"):
            parse_mirror(f"hf://{REPO}").manifest(Settings.from_environment())


@pytest.mark.parametrize(
    ("url", "location", "target"),
    [
        ("http://host/a/b", "c", "http://host/a/c"),
        ("http://host/a/b", "/c", "http://host/c"),
        ("http://host/a", "HTTPS://other/b", "https://other/b"),
        ("http://host/a", "http://other:81/b", "http://other:81/b"),
        ("https://host/a", "//other/b", "https://other/b"),
        ("https://host/a", " https://other/b ", "https://other/b"),
        ("https://host/a", "http://host/a", None),
        ("HTTPS://host/a", "HTTP://host/a", None),
        ("https://host/a", "http:b", None),
        ("https://host/a", "ftp://host/a", None),
        ("https://host/a", "file:///a", None),
        ("https://host/a", None, None),
    ],
)
def test_redirects_lead_from_https_to_https_alone(url, location, target):
    if target is not None:
        assert target_of(url, 302, location).lower() == target
        return
    with pytest.raises(SourceError, match="HTTP 302: redirects"):
        target_of(url, 302, location)


def test_password_goes_along_to_the_same_server_alone():
    request = Request("http://host/a", headers={"User-agent": "zoo", "Proxy-authorization": "Basic x"})
    request.add_unredirected_header("Authorization", "Basic secret")
    request.add_unredirected_header("Host", "host")
    same = redirected(request, "http://host:80/b")
    assert (same.get_header("Authorization"), same.get_header("Host")) == ("Basic secret", None)
    for other in ("http://other/b", "https://host/b", "http://host:81/b"):
        following = redirected(request, other)
        assert following.get_header("Authorization") is None
        assert following.get_header("Proxy-authorization") is None
        assert following.get_header("User-agent") == "zoo"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirect_to_another_server_is_followed_and_the_question_stays_the_same(code):
    with FileServer({}) as first, FileServer({f"/{NAME}": CONTENT}) as second:
        first.fail("*", RedirectToUrl(f"{second.url}/{NAME}", code))
        file = file_of_url(ENTRY, f"{first.url}/{NAME}")
        assert resolve(file, progress=False).path.read_bytes() == CONTENT
        assert ask_head(Address(f"{first.url}/x"), timeout=1).headers["Content-Length"] == "50000"
        assert [each.method for each in second.requests] == ["GET", "HEAD"]


def test_redirects_are_followed_ten_times_at_most():
    with FileServer({"/10": CONTENT}) as server:
        for number in range(12):
            server.fail(f"/{number}", RedirectToUrl(f"/{number + 1}"), times=None if number != 10 else 1)
        with (
            pytest.raises(SourceError, match="redirects more than 10 times"),
            open_download(Address(f"{server.url}/0")),
        ):
            pass
        with open_download(Address(f"{server.url}/1")) as answer:
            assert b"".join(answer.blocks) == CONTENT


def test_redirects_between_two_servers_are_a_circle():
    with FileServer({}) as first, FileServer({}) as second:
        first.fail("*", RedirectTo(second.url))
        second.fail("*", RedirectTo(first.url))
        with pytest.raises(SourceError, match="in a circle"), open_download(Address(f"{first.url}/a")):
            pass


def test_token_of_a_hub_is_shown_to_no_server_that_it_redirects_to(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with HubServer() as hub, FileServer({}) as other:
        hub.add_repo(REPO, {NESTED: CONTENT})
        hub.fail(f"/api/models/{REPO}/revision/main", RedirectTo(other.url))
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        with pytest.raises(SourceError):
            parse_mirror(f"hf://{REPO}").check_usable()
        assert hub.requests[0].headers["authorization"] == "Bearer hf_secret"
        assert other.requests
        assert all("authorization" not in each.headers for each in other.requests)


def test_repository_that_was_renamed_is_followed_on_the_same_hub(good, monkeypatch):
    with HubServer() as hub:
        hub.add_repo("org/new", {NESTED: CONTENT})
        files = (NESTED, "manifest.json")
        for path in (f"/api/models/{REPO}/revision/main", *(hub.resolve_path(REPO, file) for file in files)):
            hub.fail(path, RedirectToUrl(path.replace(REPO, "org/new"), 307))
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("ZOO_MIRRORS", f"hf://{REPO}")
        assert resolve(good, progress=False).source == f"hf://{REPO}"


# Pins


def test_answer_about_another_commit_than_the_one_pinned_is_refused(good, monkeypatch):
    with HubServer() as hub:
        pinned = hub.add_repo(REPO, {"other.txt": b"x"})
        other = hub.add_commit(REPO, {NESTED: CONTENT})
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("ZOO_MIRRORS", f"hf://{REPO}@{pinned}")
        repository = hub.repositories[REPO]
        repository.commits[pinned] = repository.commits[other]
        assert resolve(good, progress=False).source == good.url
        with pytest.raises(SourceError, match=f"answered with commit {other}, expected {pinned}"):
            parse_mirror(f"hf://{REPO}@{pinned}").manifest(Settings.from_environment())


@pytest.mark.parametrize("commit", ["", "0" * 40, "main", "\x1b[2J"])
def test_file_of_another_commit_than_the_one_pinned_is_refused(good, monkeypatch, commit):
    with HubServer() as hub:
        pinned = hub.add_repo(REPO, {NESTED: CONTENT})
        hub.fail(hub.resolve_path(REPO, NESTED, pinned), Headers((("X-Repo-Commit", commit),)))
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        for text in (pinned, pinned.upper()):
            mirror = parse_mirror(f"hf://{REPO}@{text}")
            with pytest.raises(SourceError, match="answered with commit") as caught:
                mirror.fetch(good, Settings.from_environment(), progress=False)
            assert str(caught.value).isprintable()


# What is no answer


@pytest.mark.parametrize("answer", MANGLED_ANSWERS.values(), ids=MANGLED_ANSWERS)
def test_answer_that_is_mangled_is_a_reason_and_the_next_source_is_asked(good, monkeypatch, answer):
    with RawServer(answer) as mirror:
        monkeypatch.setenv("ZOO_MIRRORS", mirror.url)
        assert resolve(good, progress=False).source == good.url


@pytest.mark.parametrize("answer", MANGLED_ANSWERS.values(), ids=MANGLED_ANSWERS)
def test_mangled_answer_of_upstream_is_one_line(answer):
    with RawServer(answer) as upstream, pytest.raises(WeightsUnavailableError) as caught:
        resolve(file_of_url(ENTRY, f"{upstream.url}/{NAME}"), progress=False)
    (line,) = [line for line in str(caught.value).split("\n") if line.startswith(f"  {upstream.url}")]
    assert line.isprintable()
    assert len(line) < 500


@pytest.mark.parametrize("answer", MANGLED_ANSWERS.values(), ids=MANGLED_ANSWERS)
def test_answer_of_a_hub_that_is_mangled_is_passed_over(good, monkeypatch, answer):
    with RawServer(answer) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("ZOO_MIRRORS", f"hf://{REPO}")
        assert resolve(good, progress=False).source == good.url
        with pytest.raises(SourceError):
            parse_mirror(f"hf://{REPO}").see("a.pth")


@pytest.mark.parametrize("body", [b"", b"[", b"[1]", b'{"a": 1}', b"null", b'[{"type": "file"}]', b"[" * 100_000, b"7"])
def test_answer_of_a_hub_that_is_another_document_is_a_reason(monkeypatch, body):
    with RawServer(b"HTTP/1.1 200 OK\r\n\r\n" + body) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        with pytest.raises(SourceError):
            parse_mirror(f"hf://{REPO}").see("a.pth")
        with pytest.raises(SourceError):
            parse_mirror(f"hf://{REPO}").manifest(Settings.from_environment())


def test_error_that_is_not_the_librarys_own_is_a_reason(monkeypatch):
    def fail(*_: object) -> None:
        raise OverflowError("too large")

    monkeypatch.setattr("socket.getaddrinfo", fail)
    address = Address("http://127.0.0.1:9/")
    with pytest.raises(SourceError, match="cannot be understood"), open_download(address):
        pass


@pytest.mark.parametrize("said", ["bytes 100-5/50000", "bytes 0-60000/50000", "bytes x", "bytes -5-10/50000", "", "*"])
def test_range_that_cannot_be_is_asked_for_again_as_a_whole(said):
    with FileServer({"/a": CONTENT}) as server:
        server.fail("/a", Headers((("Content-Range", said),), 206), times=1)
        with open_download(Address(f"{server.url}/a"), start=100, validator='"etag"') as answer:
            assert (answer.start, answer.size) == (0, len(CONTENT))
            assert b"".join(answer.blocks) == CONTENT


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("99999999999", 99999999999.0),
        ("9" * 5000, 1e11),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("1.5", None),
        ("\u0667", None),
        ("", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 99999999999 07:28:00 GMT", None),
        ("Wed, 99999999999 Oct 2015 07:28:00 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 +99999999999999999999", None),
        ("Mon, 01 Jan 0001 00:00:00 +2300", None),
        ("soon", None),
        ("\x00", None),
    ],
)
def test_time_to_come_back_in_any_form_never_escapes(text, seconds):
    error = answered_with("HTTP 503", 503, {"Retry-After": text}, SourceError)
    assert error.retry_after == seconds or (seconds is None and error.retry_after in {0.0, 1e11})


@pytest.mark.parametrize("text", ["99999999999", "Wed, 21 Oct 99999999999 07:28:00 GMT", "-5", "nan"])
def test_server_that_asks_to_come_back_at_an_odd_time_is_passed_over(good, monkeypatch, text):
    with FileServer({}) as mirror:
        mirror.fail("*", Headers((("Retry-After", text),), 503))
        monkeypatch.setenv("ZOO_MIRRORS", mirror.url)
        assert resolve(good, progress=False).source == good.url


def test_etag_that_is_weak_names_the_contents_all_the_same_in_a_hubs_cache(good, monkeypatch):
    with HubServer() as hub:
        hub.add_repo(REPO, {NESTED: CONTENT})
        hub.fail(hub.resolve_path(REPO, NESTED), WrongEtag('W/"weak"'))
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("ZOO_MIRRORS", f"hf://{REPO}")
        assert resolve(good, progress=False).path.resolve().name == "weak"


def test_answer_whose_body_is_read_whole_is_the_one_that_was_asked_for():
    """The same question through a plain server, for what the cases above must not have spoilt."""
    with FileServer({"/a": CONTENT}) as server:
        server.answer = lambda _: Response(200, {"Content-Length": str(len(CONTENT))}, CONTENT)
        with open_download(Address(f"{server.url}/a")) as answer:
            assert b"".join(answer.blocks) == CONTENT
