"""The head of a request to the proxy, and the one that goes on."""

from __future__ import annotations

import pytest

from outrider_sandbox.http_head import BadRequest, parse, status


def test_a_plain_request_goes_on_as_the_server_expects_it() -> None:
    head = (
        b"POST http://me:pw@Mirror:3141/simple/?q=1 HTTP/1.1\r\nHost: other\r\nContent-Length: 5\r\n"
        b"Proxy-Authorization: Basic eA==\r\nProxy-Connection: keep-alive\r\nConnection: X-Own, keep-alive\r\n"
        b"X-Own: 1\r\nAccept: */*\r\n\r\n"
    )
    request = parse(head)
    assert (request.host, request.port, request.body, request.tunnel) == ("mirror", 3141, 5, False)
    assert request.head() == (
        b"POST /simple/?q=1 HTTP/1.1\r\nhost: Mirror:3141\r\ncontent-length: 5\r\naccept: */*\r\n"
        b"Connection: close\r\n\r\n"
    )
    assert request.head(absolute=True).startswith(b"POST http://mirror:3141/simple/?q=1 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("target", "place"),
    [
        (b"host:443", ("host", 443)),
        (b"[::1]:8443", ("::1", 8443)),
        (b"[fe80::1%25eth0]:80", ("fe80::1", 80)),
    ],
)
def test_a_tunnel(target: bytes, place: tuple[str, int]) -> None:
    request = parse(b"CONNECT " + target + b" HTTP/1.1\r\nHost: whatever\r\n\r\n")
    assert ((request.host, request.port), request.tunnel) == (place, True)


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET https://host/ HTTP/1.1\r\n\r\n",
        b"GET ftp://host/ HTTP/1.1\r\n\r\n",
        b"GET http://host/a b HTTP/1.1\r\n\r\n",
        b"GET http://host/ HTTP/2.0\r\n\r\n",
        b"GET http:///path HTTP/1.1\r\n\r\n",
        b"GET http://host:0/ HTTP/1.1\r\n\r\n",
        b"GET http://host:99999/ HTTP/1.1\r\n\r\n",
        b"GET http://[::1/ HTTP/1.1\r\n\r\n",
        b"CONNECT host HTTP/1.1\r\n\r\n",
        b"CONNECT host:x HTTP/1.1\r\n\r\n",
        b"GET http://host/ HTTP/1.1\r\nno field\r\n\r\n",
        b"GET http://host/ HTTP/1.1\r\n folded: 1\r\n\r\n",
        b"GET http://host/ HTTP/1.1\r\nA: 1\nB: 2\r\n\r\n",
        b"POST http://host/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST http://host/ HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST http://host/ HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST http://host/ HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    ],
)
def test_what_is_no_request_to_a_proxy(head: bytes) -> None:
    with pytest.raises(BadRequest):
        parse(head)


def test_a_chunked_body_has_no_length() -> None:
    assert parse(b"POST http://host/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").body is None


def test_the_status_of_an_answer() -> None:
    assert status(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") == 407
    assert status(b"HTTP/1.0 200\r\n\r\n") == 200
    assert status(b"SSH-2.0-x\r\n\r\n") is None
