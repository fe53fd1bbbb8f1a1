"""Which addresses may be connected to on a user's behalf."""

from __future__ import annotations

import ipaddress

import pytest

from outrider_service.outbound import AddressRefused, Guard
from outrider_service.outbound.guard import is_public
from outrider_service.registry.reference import BadReference, parse


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8081/hub",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://169.254.169.254/latest",
        "https://user:pw@example.org/",
        "http://example.org/",
        "ftp://example.org/",
        "https://127.1/",
        "https://2130706433/",
        "https://１２７.0.0.1/",
        "https:///nowhere",
        "https://example.org:99999/",
    ],
)
def test_no_address_inside_is_taken(url: str) -> None:
    with pytest.raises(AddressRefused):
        Guard(["http://elsewhere.example"]).read_url(url)


def test_the_operator_allows_by_name_and_port() -> None:
    guard = Guard(["http://10.0.0.5:5000", "registry.internal"])
    assert guard.read_url("http://10.0.0.5:5000/v2/").port == 5000
    assert guard.is_allowed("registry.internal", 443)
    for other in ("http://10.0.0.5:80/", "http://10.0.0.6:5000/", "http://registry.internal/"):
        with pytest.raises(AddressRefused):
            guard.read_url(other)
    with pytest.raises(ValueError, match="is not a host"):
        Guard(["10.0.0.0/8"])


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("fd00:ec2::254", False),
        ("fe80::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::808:808", True),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("python", "docker.io/library/python:latest"),
        ("python:3.11", "docker.io/library/python:3.11"),
        ("user/image", "docker.io/user/image:latest"),
        ("index.docker.io/library/python", "docker.io/library/python:latest"),
        ("ghcr.io/org/image:v1", "ghcr.io/org/image:v1"),
        ("localhost:5000/x", "localhost:5000/x:latest"),
        ("quay.io/a/b@sha256:" + "a" * 64, "quay.io/a/b@sha256:" + "a" * 64),
    ],
)
def test_references_as_docker_reads_them(text: str, full: str) -> None:
    assert str(parse(text)) == full


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Python",
        "a//b",
        "-x",
        "x:",
        "x@sha256:12",
        "x:a b",
        "x\n",
        "user@host/x",
        "http://x/y",
        "x:1\n",
        "../x",
        "a/..",
        "x?y",
    ],
)
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(BadReference):
        parse(text)
