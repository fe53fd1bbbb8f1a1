"""Which addresses a sandbox may be led to, however they are written."""

from __future__ import annotations

import ipaddress

import pytest

from outrider_sandbox.addresses import is_closed, networks, unwrapped

CLOSED = networks(["169.254.0.0/16", "100.100.100.200/32", "10.9.0.0/16"])


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "100.100.100.200",
        "10.9.1.2",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.9.1.2",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::10.9.1.2",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "fe80::1",
        "fec0::1",
        "fd00:ec2::254",
        "ff02::1",
    ],
)
def test_closed(text: str) -> None:
    assert is_closed(ipaddress.ip_address(text), CLOSED)


@pytest.mark.parametrize("text", ["198.51.100.7", "10.8.0.1", "192.168.1.1", "::ffff:10.8.0.1", "2606:4700::1111"])
def test_open(text: str) -> None:
    """Private networks too, as for a sandbox with a network of its own: what the operator wants closed is named."""
    assert not is_closed(ipaddress.ip_address(text), CLOSED)


def test_an_address_inside_another() -> None:
    assert unwrapped(ipaddress.ip_address("64:ff9b::a00:1")) == ipaddress.ip_address("10.0.0.1")
    assert unwrapped(ipaddress.ip_address("2606:4700::1111")) == ipaddress.ip_address("2606:4700::1111")
