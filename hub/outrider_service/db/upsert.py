"""Insert-or-update in one statement, so that concurrent writers cannot conflict."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


async def upsert(conn: AsyncConnection, table: Table, values: dict[str, Any], *fresh: str) -> None:
    """Insert a row, or update only the columns ``fresh`` of the row with the same primary key."""
    build = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    statement = build(table).values(values)
    key = list(table.primary_key)
    if fresh:
        chosen = {name: statement.excluded[name] for name in fresh}
        statement = statement.on_conflict_do_update(index_elements=key, set_=chosen)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=key)
    await conn.execute(statement)
