"""SQLite under asyncio with one hop to its thread per statement.

aiosqlite runs each step in the connection's own thread: making a cursor, executing, fetching, closing it, and the end
of a transaction that never began. Each passage costs more than a small query itself. SQLAlchemy always takes the
steps in the same order and keeps all rows, so here a statement is one step and the others need none.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from typing import Any

import aiosqlite


class Cursor:
    """What SQLAlchemy's adapter asks of a cursor; the real one lives within one step in the thread."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    def __await__(self) -> Generator[None, None, Cursor]:
        """SQLAlchemy 2.0 awaits a cursor, 2.1 enters it."""
        return self
        yield

    async def __aenter__(self) -> Cursor:
        return self

    async def execute(self, sql: str, parameters: Any = ()) -> Cursor:
        await self._connection.step(self._run, sql, parameters, many=False)
        return self

    async def executemany(self, sql: str, parameters: Any) -> Cursor:
        await self._connection.step(self._run, sql, parameters, many=True)
        return self

    def _run(self, connection: sqlite3.Connection, sql: str, parameters: Any, *, many: bool) -> None:
        cursor = connection.cursor()
        try:
            if many:
                cursor.executemany(sql, parameters)
            else:
                cursor.execute(sql, parameters)
            self._rows = cursor.fetchall() if cursor.description else []
            self.description, self.rowcount, self.lastrowid = cursor.description, cursor.rowcount, cursor.lastrowid
        finally:
            cursor.close()

    async def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        self._rows = []


class Connection(aiosqlite.Connection):
    """A connection whose cursors are those above, and whose empty transactions end without a step."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._asked = 0  # by the loop's thread
        self._done = 0  # by the connection's thread

    def cursor(self) -> Cursor:  # type: ignore[override]
        return Cursor(self)

    async def step(self, function: Callable[..., None], *args: Any, **options: Any) -> None:
        """Run ``function(connection, …)`` in the thread."""

        def run() -> None:
            try:
                function(self._conn, *args, **options)
            finally:
                self._done += 1

        self._asked += 1
        await self._execute(run)  # type: ignore[no-untyped-call]

    def _nothing_begun(self) -> bool:
        # After a cancellation a statement may still be on its way to the thread, and begin a transaction there.
        return self._asked == self._done and not self._conn.in_transaction

    async def commit(self) -> None:
        if not self._nothing_begun():
            await super().commit()

    async def rollback(self) -> None:
        if not self._nothing_begun():
            await super().rollback()


async def connect(*args: Any, **options: Any) -> Connection:
    """For ``create_async_engine(async_creator=…)``: the arguments are those of ``sqlite3.connect``."""
    connection = Connection(lambda: sqlite3.connect(*args, **options), iter_chunk_size=64)
    # As SQLAlchemy does for aiosqlite's own: a connection left open must not keep the process alive.
    connection._thread.daemon = True
    await connection
    return connection
