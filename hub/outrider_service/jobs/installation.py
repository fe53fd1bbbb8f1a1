"""Which installation this database belongs to, and whether it has taken over what earlier versions made."""

from __future__ import annotations

import secrets

from sqlalchemy import insert, select, update

from ..backends.base import Installation
from ..clock import now
from ..db import Database
from ..db.tables import installation as table


async def load_installation(db: Database) -> Installation:
    """The id was made together with its table and stays for the database's life. Tables copied from one database into
    another may have left none, or two."""
    async with db.write() as conn:
        row = (await conn.execute(select(table).order_by(table.c.id))).first()
        if row is None:
            fresh = secrets.token_hex(16)
            await conn.execute(insert(table).values(id=fresh))
            return Installation(fresh, adopted=False)
    return Installation(row.id, adopted=row.adopted_at is not None)


async def note_adopted(db: Database) -> None:
    """From the next start on nothing is taken over any more."""
    async with db.write() as conn:
        await conn.execute(update(table).where(table.c.adopted_at.is_(None)).values(adopted_at=now()))
