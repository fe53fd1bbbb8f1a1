"""Passes a WebSocket to a job's port: checks the handshake on both sides, then passes bytes.

The program's bytes reach the client's connection only after it has accepted the handshake. The proxies in front
keep their connections to the service and use them for everybody: a connection on which the program could answer
anything else, and go on reading, would carry other users' requests to it, with their tokens.
"""

from __future__ import annotations

import asyncio
from typing import Final

from tornado.httputil import HTTPHeaders, HTTPInputError, HTTPServerRequest, parse_response_start_line
from tornado.web import RequestHandler

from outrider_sandbox import short_path

from ..backends.base import Address
from .proxy import CONNECT_S, BadAnswer, Confine, NotListening

HANDSHAKE_S: Final = 60.0
BLOCK: Final = 1 << 16

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def is_handshake(request: HTTPServerRequest) -> bool:
    """Whether a request asks for a WebSocket, as RFC 6455 has it."""
    headers = request.headers
    wanted = {word.strip().lower() for word in headers.get("Connection", "").split(",")}
    return (
        request.method == "GET"
        and "upgrade" in wanted
        and headers.get("Upgrade", "").lower() == "websocket"
        and "Content-Length" not in headers
        and "Transfer-Encoding" not in headers
    )


async def tunnel(
    handler: RequestHandler, address: Address, target: str, headers: list[tuple[str, str]], confine: Confine
) -> None:
    """Hand the handshake on; once the program has accepted it, pass bytes. One that does not accept is answered for,
    with its status alone. Raises NotListening or BadAnswer."""
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await _connect(address)
    except (OSError, TimeoutError) as error:
        raise NotListening(str(error)) from error
    try:
        lines = [f"GET {target} HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket"]
        lines += [f"{name}: {value}" for name, value in headers]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace"))
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                status, answered = parse_head(await reader.readuntil(b"\r\n\r\n"))
        except (OSError, EOFError) as error:
            raise NotListening(str(error)) from error
        except (asyncio.LimitOverrunError, TimeoutError, ValueError) as error:
            raise BadAnswer(str(error) or type(error).__name__) from error
        if status != 101:
            handler.set_status(status if 300 <= status < 600 and status != 304 else 502)
            handler.finish()
            return
        await _pass_bytes(handler, accepted(answered, confine), reader, writer)
    finally:
        writer.close()


async def _connect(address: Address) -> Streams:
    if address.unix is None:
        return await asyncio.open_connection(address.host, address.port)
    with short_path(address.unix) as path:
        return await asyncio.open_unix_connection(path)


def parse_head(head: bytes) -> tuple[int, HTTPHeaders]:
    """Parse the status and headers of an answer. Raises ValueError."""
    first, _, rest = head.decode("latin-1").partition("\r\n")
    try:
        return parse_response_start_line(first).code, HTTPHeaders.parse(rest)
    except HTTPInputError as error:
        raise ValueError(str(error)) from error


def accepted(answered: HTTPHeaders, confine: Confine) -> bytes:
    """The head of an accepted handshake: what the protocol needs, and the cookies that the program may set."""
    lines = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket"]
    for name, value in answered.get_all():
        kept = confine(name, value)
        if kept is not None and name.lower().startswith(("sec-websocket-", "set-cookie")):
            lines.append(f"{name}: {kept}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _pass_bytes(
    handler: RequestHandler, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    client = handler.detach()

    async def inward() -> None:
        while True:
            writer.write(await client.read_bytes(BLOCK, partial=True))
            await writer.drain()

    async def outward() -> None:
        await client.write(head)
        while block := await reader.read(BLOCK):
            await client.write(block)

    tasks = [asyncio.ensure_future(inward()), asyncio.ensure_future(outward())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        client.close()
