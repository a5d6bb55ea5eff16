"""Only over connections that nobody on the way can change, through the proxies that the user has."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cvstudio.foundation.errors import WeightsError
from cvstudio.weights.http import check_url


@pytest.mark.parametrize(
    "url", ["http://example.org/a", "file:///a", "a.pth", "", "https://", "http://localhost.evil/a"]
)
def test_what_is_no_safe_address(url, server, refused):
    with pytest.raises(WeightsError, match="begins with https://"):
        check_url(url)
    if url:
        refused(server.weights(url=url))


def test_what_is_a_safe_address():
    for url in ("https://example.org/a", "http://localhost:1/a", "http://127.0.0.1/a", "http://[::1]:8/a"):
        check_url(url)


def test_a_proxy_of_the_environment_is_used(server, hostile, get, monkeypatch):
    monkeypatch.setenv("http_proxy", server.base)
    weights = server.weights(url="http://localhost:9/weights-1234.pth")
    assert get(weights).read_bytes() == hostile.CONTENT
    assert server.log.paths == ["http://localhost:9/weights-1234.pth"]


def test_a_proxy_is_asked_for_a_tunnel_and_may_refuse(server, hostile, refused, monkeypatch):
    monkeypatch.setenv("https_proxy", server.base)
    server.plays(hostile.says(407))
    text = refused(server.weights(url="https://example.org/weights-1234.pth"))
    assert "407" in text
    assert set(server.log.paths) == {"example.org:443"}


@pytest.fixture
def secure(server: Any, tmp_path: Path) -> Any:
    """`server` over TLS, with a certificate that nobody vouches for."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*made, *subject], check=True, capture_output=True)
    server.encrypt(certificate, key)
    return certificate


def test_a_certificate_that_nobody_vouches_for_is_refused(server, secure, refused):
    url = server.base.replace("http://127.0.0.1", "https://localhost") + "/weights-1234.pth"
    assert "self-signed certificate" in refused(server.weights(url=url))
    assert server.log.paths == []


def test_one_that_the_user_vouches_for_is_taken(server, secure, hostile, get, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(secure))
    url = server.base.replace("http://127.0.0.1", "https://localhost") + "/weights-1234.pth"
    weights = server.weights(url=url)
    assert get(weights).read_bytes() == hostile.CONTENT


def test_no_tls_where_it_is_asked_for(server, refused):
    """Nothing is taken unencrypted in its place."""
    text = refused(server.weights(url=server.base.replace("http:", "https:") + "/weights-1234.pth"))
    assert "the connection broke" in text
