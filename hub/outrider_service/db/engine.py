"""The engine: migrations at start, one writing service, short transactions.

SQLite allows one writer at a time, so writes queue on an asyncio lock instead of failing as "database is
locked"; reads go on beside them (WAL). On Postgres the pool does all of it. Nothing here may make a network
call inside a transaction, but to the database itself.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from sqlalchemy import event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from . import sqlite
from .shares import Shares

log = logging.getLogger(__name__)

POSTGRES_LOCK = 0x0071D6E5
"""Key of the advisory lock that makes one service the only writer."""


class DatabaseBusy(Exception):
    """Another service holds the database; this one waits."""


class LockLost(Exception):
    """This service is no longer the only writer, and must end."""


AWAY: Final = (OperationalError, InterfaceError, PoolTimeout, LockLost, OSError)
"""What is raised when the database does not answer; the same call may succeed later. Everything else is the fault of
what was to be written."""


def async_url(url: str) -> URL:
    """The URL with the driver that Outrider uses: aiosqlite or psycopg."""
    parsed = make_url(url)
    driver = {
        "sqlite": "sqlite+aiosqlite",
        "postgresql": "postgresql+psycopg",
        "postgres": "postgresql+psycopg",
    }
    backend = parsed.drivername.partition("+")[0]
    if backend not in driver:
        raise ValueError(f"unsupported database {backend!r}: use sqlite:///PATH or postgresql://…")
    return parsed.set(drivername=driver[backend])


def _tune_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def _connect(dbapi_connection: object, _record: object) -> None:
        cursor = dbapi_connection.cursor()  # type: ignore[attr-defined]
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "busy_timeout=10000",
            "foreign_keys=ON",
            "cache_size=-32768",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


def _tune_postgresql(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def _connect(dbapi_connection: object, _record: object) -> None:
        cursor = dbapi_connection.cursor()  # type: ignore[attr-defined]
        # The generic plan of a prepared statement would expect the same number of matches for every search.
        cursor.execute("SET plan_cache_mode = force_custom_plan")
        cursor.close()
        dbapi_connection.commit()  # type: ignore[attr-defined]


def migrate(url: str, revision: str = "head") -> None:
    """Bring the schema to the newest revision (synchronous; call it before the engine serves)."""
    target = async_url(url)
    if target.get_backend_name() == "sqlite":
        target = target.set(drivername="sqlite")
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = target.render_as_string(hide_password=False)
    command.upgrade(config, revision)


class Database:
    """A connection pool with one writer.

    Usage: ``async with db.read() as conn`` for queries, ``async with db.write() as conn`` for a transaction that
    commits at the end of the block and rolls back on an exception.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        parsed = async_url(url)
        self.sqlite = parsed.get_backend_name() == "sqlite"
        if self.sqlite:
            self.engine = create_async_engine(
                parsed, pool_size=8, max_overflow=8, connect_args={"async_creator_fn": sqlite.connect}
            )
            _tune_sqlite(self.engine)
        else:
            self.engine = create_async_engine(parsed, pool_size=8, max_overflow=8, pool_pre_ping=True)
            _tune_postgresql(self.engine)
        self._writer = asyncio.Lock()
        self._shares = Shares()
        self._lock_file: int | None = None
        self._lock_connection: AsyncConnection | None = None
        self._looking = asyncio.Lock()
        self._hang_up = select.poll()
        self.lost = asyncio.Event()
        """Set once the lock is gone, and another service may be the writer."""

    async def try_lock(self) -> None:
        """Become the only writer. Raises DatabaseBusy while another service is it."""
        if self.sqlite:
            path = make_url(self.url).database
            if not path or path == ":memory:":
                return
            fd = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(fd)
                raise DatabaseBusy(path) from error
            self._lock_file = fd
            return
        connection = await self.engine.connect()
        held = (await connection.execute(text(f"SELECT pg_try_advisory_lock({POSTGRES_LOCK})"))).scalar()
        await connection.commit()
        if not held:
            await connection.close()
            raise DatabaseBusy(make_url(self.url).database or "postgres")
        self._lock_connection = connection
        raw: Any = (await connection.get_raw_connection()).driver_connection
        self._hang_up.register(raw.fileno(), select.POLLIN | select.POLLRDHUP)

    async def lock(self, poll_s: float = 0.5) -> None:
        """Wait until this service is the only writer."""
        waiting = False
        while True:
            try:
                await self.try_lock()
                return
            except DatabaseBusy:
                if not waiting:
                    log.warning("another service holds the database's lock; waiting for it to exit")
                    waiting = True
                await asyncio.sleep(poll_s)

    async def still_locked(self) -> bool:
        """Whether the lock is held yet: a Postgres lock is gone when its connection broke."""
        async with self._looking:
            if self._lock_connection is not None and not self.lost.is_set():
                try:
                    async with asyncio.timeout(10):
                        await self._lock_connection.execute(text("SELECT 1"))
                    await self._lock_connection.commit()
                except Exception:
                    log.exception("lost the connection that held the database's lock")
                    self.lost.set()
        return not self.lost.is_set()

    async def _check_lock(self) -> None:
        """Before each write: has the server let go of us? It says so at once, and what it cannot say (a dead network)
        it does not know itself, so it still holds the lock. Raises LockLost."""
        if self.lost.is_set() or (self._hang_up.poll(0) and not await self.still_locked()):
            raise LockLost("another service may be writing to the database")

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with self._shares.turn(), self.engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        if not self.sqlite:
            await self._check_lock()
            async with self._shares.turn(), self.engine.begin() as connection:
                yield connection
            return
        async with self._shares.turn(), self._writer, self.engine.begin() as connection:
            yield connection

    async def close(self) -> None:
        if self._lock_connection is not None:
            await self._lock_connection.close()
        await self.engine.dispose()
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None
