"""Servers over HTTPS: whose certificates are trusted, and what is said of others."""

import hashlib

import pytest

from servers import FileServer, HubServer
from servers.tls import AUTHORITY, over_tls
from zoo_core.errors import SourceError, WeightsUnavailableError
from zoo_core.files import file_of_url, resolve
from zoo_core.files.sources._hub_client import hub_api, hub_errors_explained

CONTENT = b"weights" * 1000
NAME = f"model-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"
SUBJECT_HASH = "aacc1499.0"
"""What OpenSSL looks for in a folder: `openssl x509 -hash -in authority.pem`."""
VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def _trust_of_the_system_alone(monkeypatch):
    for name in (*VARIABLES, "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def url():
    server = FileServer({f"/{NAME}": CONTENT})
    origin = over_tls(server)
    with server:
        yield f"{origin}/{NAME}"


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_companys_certificates_are_trusted(url, variable, monkeypatch):
    monkeypatch.setenv(variable, str(AUTHORITY))
    assert resolve(file_of_url("model", url)).path.read_bytes() == CONTENT


def test_a_folder_of_certificates_is_trusted(url, monkeypatch, tmp_path):
    folder = tmp_path / "certificates"
    folder.mkdir()
    (folder / SUBJECT_HASH).write_text(AUTHORITY.read_text())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder))
    assert resolve(file_of_url("model", url)).path.read_bytes() == CONTENT


def test_an_unknown_authority_is_refused_and_the_error_says_what_to_set(url):
    with pytest.raises(WeightsUnavailableError, match=r"is not trusted: .*SSL_CERT_FILE or REQUESTS_CA_BUNDLE"):
        resolve(file_of_url("model", url))


def test_the_companys_bundle_counts_instead_of_the_systems(url, monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(AUTHORITY))
    other = tmp_path / "other.pem"
    other.write_text(AUTHORITY.read_text())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
    assert resolve(file_of_url("model", url)).path.read_bytes() == CONTENT


@pytest.mark.parametrize("content", [None, "no certificate"])
@pytest.mark.parametrize("variable", VARIABLES[1:])
def test_a_bundle_that_cannot_be_read_is_named(url, content, variable, monkeypatch, tmp_path):
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv(variable, str(bundle))
    with pytest.raises(WeightsUnavailableError, match=rf"{variable} is '.*bundle\.pem', which cannot be read"):
        resolve(file_of_url("model", url))


def test_the_hubs_client_is_refused_with_the_variable_that_it_reads(monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(AUTHORITY))
    server = HubServer()
    origin = over_tls(server)
    expected = pytest.raises(SourceError, match="SSL_CERT_FILE, which is the one that the Hub's client reads")
    with server, expected, hub_errors_explained():
        hub_api(origin).model_info("lab/weights")
