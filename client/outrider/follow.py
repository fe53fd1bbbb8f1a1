"""Follows a stream of events across broken connections.

Reads Server-Sent Events through ``transport``. When a connection ends before the stream does, as after a restart of the
service or the Hub, it resumes after the last complete event.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx

from .errors import LimitReached, OutriderError, ServerError, Unreachable, WaitTimeout
from .sse import Message, Parser
from .transport import Params, Transport, pause

SILENCE_S = 45.0
"""The service sends something every 15 seconds; after three times that, the connection is dead."""
PATIENCE_S = 600.0
"""How long the service may be unavailable before following gives up."""

_PASSING = (Unreachable, ServerError, LimitReached)


def follow(
    transport: Transport,
    path: str,
    params: Params = None,
    *,
    last_id: str | None = None,
    deadline: float | None = None,
    patience_s: float = PATIENCE_S,
) -> Iterator[Message]:
    """Every event up to and including ``end``, each once.

    Raises WaitTimeout at the ``deadline`` (of ``time.monotonic``); the last error once the service has been unavailable
    for ``patience_s``; and permanent errors at once.
    """
    failures, away_since = 0, time.monotonic()
    while True:
        error: OutriderError | None = None
        try:
            for message in _one_connection(transport, path, params, last_id, deadline):
                failures, away_since = 0, time.monotonic()
                if message.id is not None:
                    last_id = message.id
                yield message
                away_since = time.monotonic()  # time spent in a slow reader does not count as downtime
                if message.event == "end":
                    return
        except httpx.HTTPError as broken:
            error = transport.unreachable(broken)
        except _PASSING as passing:
            error = passing
        now = time.monotonic()
        if deadline is not None and now >= deadline:
            raise WaitTimeout("The job has not ended within the timeout. It keeps running.")
        if error is not None and now - away_since > patience_s:
            raise error
        wait = pause(min(failures, 6))
        failures += 1
        time.sleep(wait if deadline is None else max(0.0, min(wait, deadline - now)))


def _one_connection(
    transport: Transport, path: str, params: Params, last_id: str | None, deadline: float | None
) -> Iterator[Message]:
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    if last_id is not None:
        headers["Last-Event-ID"] = last_id
    silence = SILENCE_S
    if deadline is not None:
        silence = min(silence, max(0.05, deadline - time.monotonic()))
    with transport.stream(path, params=params, headers=headers, read_timeout=silence) as answer:
        kind = answer.headers.get("content-type", "")
        if not kind.startswith("text/event-stream"):
            raise Unreachable(f"{transport.url} answered with {kind or 'nothing'} instead of events.")
        parser = Parser()
        for chunk in answer.iter_bytes():
            yield from parser.feed(chunk)
            if deadline is not None and time.monotonic() >= deadline:
                return


def payload(message: Message) -> Any:
    """An event's JSON. Raises ServiceError if it is invalid."""
    try:
        return message.json()
    except ValueError:
        raise ServerError(f"The service sent a {message.event!r} event that is not JSON.") from None
