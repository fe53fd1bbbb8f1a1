"""The ledger's lines, the newest first, a page at a time."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from ..db.tables import ledger
from .ledger import Scope


class BadCursor(ValueError):
    """The cursor is none that this service gave out."""


def _encode(row: Any) -> str:
    return base64.urlsafe_b64encode(f"{row['finished_at']!r} {row['id']}".encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[float, str]:
    try:
        time, _, entry = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(" ")
        return float(time), entry
    except (ValueError, binascii.Error) as error:
        raise BadCursor("not a cursor of this list") from error


async def list_runs(
    conn: AsyncConnection, scope: Scope, cursor: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Lines and the cursor of the next page. Raises BadCursor."""
    query = select(ledger).where(*scope.conditions(ledger))
    if cursor is not None:
        query = query.where(tuple_(ledger.c.finished_at, ledger.c.id) < tuple_(*_decode(cursor)))
    query = query.order_by(ledger.c.finished_at.desc(), ledger.c.id.desc()).limit(limit + 1)
    rows = [dict(row) for row in (await conn.execute(query)).mappings()]
    return rows[:limit], _encode(rows[limit - 1]) if len(rows) > limit else None
