"""The least that a Python server can do for many followers: a bare Tornado application that writes the time to all of
them every half second. Prints its port as a JSON line, then serves until it is killed."""

from __future__ import annotations

import asyncio
import time

import orjson
from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

EVERY_S = 0.5


class Stream(RequestHandler):
    """One follower."""

    open: set[Stream] = set()  # noqa: RUF012

    async def get(self) -> None:
        self.set_header("Content-Type", "text/event-stream")
        await self.flush()
        self.open.add(self)
        await asyncio.Event().wait()


async def tell(follower: Stream, event: bytes) -> None:
    try:
        follower.write(event)
        await follower.flush()
    except StreamClosedError:
        Stream.open.discard(follower)


async def main() -> None:
    server = HTTPServer(Application([("/", Stream)]))
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    print(orjson.dumps({"port": sockets[0].getsockname()[1]}).decode(), flush=True)
    n = 0
    while True:
        await asyncio.sleep(EVERY_S)
        n += 1
        line = {"n": n, "time": "2024-11-21T07:06:40Z", "attempt": 1, "node": 0, "text": repr(time.time())}
        event = b"id: %d\nevent: lines\ndata: %s\n\n" % (n, orjson.dumps([line]))
        await asyncio.gather(*(tell(follower, event) for follower in list(Stream.open)))


if __name__ == "__main__":
    asyncio.run(main())
