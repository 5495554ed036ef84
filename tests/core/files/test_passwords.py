"""The password in the address of a mirror is sent to that server, and shown or kept nowhere."""

import hashlib
import logging
import random
import traceback
from base64 import b64encode

import pytest
from click.testing import CliRunner

from servers import FileServer
from zoo_core.cli import main
from zoo_core.errors import WeightsUnavailableError
from zoo_core.files import Settings, file_of_url, resolve
from zoo_core.files.sources._named import parse_mirror

SECRET = "s3cret"
CONTENT = random.Random(8).randbytes(20_000)
NAME = f"model-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"
ENTRY = "Model_Weights.V1"

SPELLINGS = [
    f"https://user:{SECRET}@127.0.0.1:9/",
    f"HTTPS://user:{SECRET}@127.0.0.1:9/x",
    f"HtTp://user:{SECRET}@127.0.0.1:9/x",
    f"htps://user:{SECRET}@host/x",
    f"https:/user:{SECRET}@host/x",
    f"https:user:{SECRET}@host/x",
    f"https//user:{SECRET}@host/x",
    f"https;//user:{SECRET}@host/x",
    f"https//{SECRET}@host/x",
    f"https:\\\\user:{SECRET}@host/x",
    f"https:///user:{SECRET}@host/x",
    f"https:// user:{SECRET}@host/x",
    f"//user:{SECRET}@host/x",
    f"user:{SECRET}@host/x",
    f"http ://user:{SECRET}@host/x",
    f"ftp://user:{SECRET}@host/x",
    f"smb://{SECRET}@host/x",
    f"file://user:{SECRET}@host/x",
    f"hf://user:{SECRET}@org/w",
    f"hf://user:{SECRET}/x@org/w",
    f"hf:/user:{SECRET}@org/w",
    f"https://user:{SECRET}/more@host/x",
    f"https://user:more/{SECRET}@host/x",
    f"https://user:{SECRET}",
    f"https://user@{SECRET}@127.0.0.1:9/",
    f"https://user:{SECRET}#more@host/x",
    f"https://user:{SECRET}?more@host/x",
    f"https://{SECRET}@127.0.0.1:9/",
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_password_is_in_no_message_no_log_and_no_file(monkeypatch, caplog, tmp_path, text):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("ZOO_MIRRORS", text)
    with FileServer({f"/{NAME}": CONTENT}) as upstream:
        shown = []
        for name in (NAME, "missing.pth"):
            try:
                shown.append(repr(resolve(file_of_url(ENTRY, f"{upstream.url}/{name}"), progress=False)))
            except (WeightsUnavailableError, ValueError) as error:
                shown += traceback.format_exception(error)
    shown.append(repr(Settings.from_environment()))
    try:
        mirror = parse_mirror(text)
        shown += [mirror.label, repr(mirror), str(mirror)]
    except ValueError as error:
        shown.append(str(error))
    lines = [line for each in shown for line in each.splitlines()]
    assert not [line for line in lines if SECRET in line]
    assert SECRET not in caplog.text
    check_no_file_has(tmp_path, SECRET.encode())


def check_no_file_has(folder, secret):
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert not [path for path in files if secret in path.read_bytes() or secret.decode() in path.name]


@pytest.mark.parametrize("text", SPELLINGS)
@pytest.mark.parametrize(
    "command", [["doctor"], ["doctor", "--json"], ["mirror", "verify"], ["mirror", "verify", "--json"]]
)
def test_password_is_in_nothing_that_a_command_prints(monkeypatch, text, command):
    monkeypatch.setenv("ZOO_MIRRORS", text)
    monkeypatch.setattr("zoo_core.cli._doctor._UPSTREAM", "http://127.0.0.1:9/")
    result = CliRunner().invoke(main, command)
    assert SECRET not in result.output
    assert SECRET not in str(result.exception)


@pytest.mark.parametrize("text", SPELLINGS)
def test_password_is_not_in_what_is_said_of_a_mirror_to_verify(text):
    result = CliRunner().invoke(main, ["mirror", "verify", text])
    assert SECRET not in result.output


@pytest.mark.parametrize("scheme", ["http", "HTTP", "Http"])
def test_password_is_sent_to_the_server_and_kept_nowhere(monkeypatch, tmp_path, caplog, scheme):
    caplog.set_level(logging.DEBUG)
    manifest = b'{"format": "zoo-manifest", "version": 1, "files": {"a": {"sha256": "%s"}}}' % (b"0" * 64)
    with FileServer({f"/{NAME}": CONTENT, "/manifest.json": manifest}) as mirror:
        host = mirror.url.removeprefix("http://")
        monkeypatch.setenv("ZOO_MIRRORS", f"{scheme}://user:{SECRET}@{host}")
        found = resolve(file_of_url(ENTRY, f"http://127.0.0.1:9/{NAME}"), progress=False)
        assert found.source == mirror.url
        expected = f"Basic {b64encode(f'user:{SECRET}'.encode()).decode()}"
        assert {each.headers["authorization"] for each in mirror.requests} == {expected}
    assert SECRET not in caplog.text
    check_no_file_has(tmp_path, SECRET.encode())
    check_no_file_has(tmp_path, expected.encode())


def test_password_in_the_address_of_a_published_file_is_sent_and_shown_nowhere(tmp_path):
    with FileServer({f"/{NAME}": CONTENT}) as upstream:
        host = upstream.url.removeprefix("http://")
        found = resolve(file_of_url(ENTRY, f"http://user:{SECRET}@{host}/{NAME}"), progress=False)
        assert found.source == f"{upstream.url}/{NAME}"
        assert upstream.requests[0].headers["authorization"].startswith("Basic ")
        with pytest.raises(WeightsUnavailableError) as caught:
            resolve(file_of_url(ENTRY, f"http://user:{SECRET}@{host}/missing.pth"), progress=False)
    assert SECRET not in str(caught.value)
    check_no_file_has(tmp_path, SECRET.encode())


def test_password_in_the_address_of_a_hub_is_shown_nowhere(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", f"http://user:{SECRET}@127.0.0.1:9")
    monkeypatch.setenv("ZOO_MIRRORS", "hf://org/weights")
    with pytest.raises(WeightsUnavailableError) as caught:
        resolve(file_of_url(ENTRY, f"http://127.0.0.1:9/{NAME}"), progress=False)
    assert SECRET not in str(caught.value)
    check_no_file_has(tmp_path, SECRET.encode())


@pytest.mark.parametrize("text", ["/data/a:b@c", "./u:p@x", "weights@v2", "a:b", "file:///a@b", "~/x:y@z"])
def test_folder_with_such_letters_is_a_folder(text):
    assert parse_mirror(text).label == text
