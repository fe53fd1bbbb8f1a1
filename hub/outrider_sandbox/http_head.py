"""The head of a request to an HTTP proxy, and what becomes of it on the way. Pure functions of bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}) ([!-~]+) HTTP/1\.[01]")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")
# Fields that concern only the connection to the proxy: RFC 9110, 7.6.1.
_HOP = {b"connection", b"proxy-connection", b"proxy-authorization", b"keep-alive", b"te", b"trailer", b"upgrade"}


class BadRequest(ValueError):
    """Not a valid request to a proxy; the message says why."""


@dataclass(frozen=True)
class Request:
    """`target` is what the server is asked for; empty for CONNECT. `fields` are the header fields that go on.
    `body`: its length in bytes, None where it is chunked."""

    method: bytes
    host: str
    port: int
    target: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    body: int | None

    @property
    def tunnel(self) -> bool:
        return self.method == b"CONNECT"

    @property
    def authority(self) -> bytes:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}".encode()

    def head(self, *, absolute: bool = False, more: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
        """The request for the server, or, with the absolute target, for another proxy. One for each connection:
        the next may be meant for another server."""
        target = b"http://" + self.authority + self.target if absolute else self.target
        lines = [self.method + b" " + target + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in (*self.fields, *more, (b"Connection", b"close"))]
        return b"\r\n".join(lines) + b"\r\n\r\n"


def parse(head: bytes) -> Request:
    """The head up to and with its empty line. Raises BadRequest."""
    first, *rest = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    line = _LINE.fullmatch(first)
    if line is None:
        raise BadRequest("This is no HTTP request.")
    method, target = line.groups()
    fields = tuple(_field(text) for text in rest)
    if method == b"CONNECT":
        host, port = _place("//" + target.decode(), None)
        return Request(method, host, port, b"", (), 0)
    text = target.decode()
    if not text.lower().startswith("http://"):
        raise BadRequest("This is a proxy for http:// addresses, and for CONNECT, by which everything else goes.")
    host, port = _place(text, 80)
    parts = urlsplit(text)
    path = (parts.path or "/") + (f"?{parts.query}" if "?" in text.partition("#")[0] else "")
    dropped = _HOP | {
        name.strip().lower() for key, value in fields if key == b"connection" for name in value.split(b",")
    }
    kept = tuple((key, value) for key, value in fields if key not in dropped and key != b"host")
    named = parts.netloc.rpartition("@")[2].encode()
    return Request(method, host, port, path.encode(), ((b"host", named), *kept), _length(fields))


def _field(line: bytes) -> tuple[bytes, bytes]:
    found = _FIELD.fullmatch(line)
    if found is None or b"\0" in line or b"\n" in line or b"\r" in line:
        raise BadRequest("A header field of this request is none.")
    return found.group(1).lower(), found.group(2)


def _place(text: str, default: int | None) -> tuple[str, int]:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, default if parts.port is None else parts.port
    except ValueError as error:
        raise BadRequest(f"This is no address: {error}.") from error
    if not host or not port:
        raise BadRequest("An address needs a host and a port.")
    return host.partition("%")[0], port


def _length(fields: tuple[tuple[bytes, bytes], ...]) -> int | None:
    """Raises BadRequest if two readers could disagree about the length."""
    lengths = {value for name, value in fields if name == b"content-length"}
    codings = [value.lower() for name, value in fields if name == b"transfer-encoding"]
    if codings:
        if lengths or codings != [b"chunked"]:
            raise BadRequest("The length of this request's body is not clear.")
        return None
    if not lengths:
        return 0
    text = lengths.pop()
    if lengths or not text.isdigit() or len(text) > 18:
        raise BadRequest("The length of this request's body is not clear.")
    return int(text)


def status(head: bytes) -> int | None:
    """The status of an answer, by its head."""
    found = re.match(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: |\r\n)", head)
    return int(found.group(1)) if found else None
