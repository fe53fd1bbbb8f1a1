"""Rows that may be there already, written in one statement, so that two at once cannot get in each other's way."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


async def upsert(conn: AsyncConnection, table: Table, values: dict[str, Any], *fresh: str) -> None:
    """Insert a row; of one with the same primary key only the columns ``fresh`` are written."""
    build = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    statement = build(table).values(values)
    key = list(table.primary_key)
    if fresh:
        chosen = {name: statement.excluded[name] for name in fresh}
        statement = statement.on_conflict_do_update(index_elements=key, set_=chosen)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=key)
    await conn.execute(statement)
