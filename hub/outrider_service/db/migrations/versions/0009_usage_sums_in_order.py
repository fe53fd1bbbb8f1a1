"""sums of usage lie in the order in which they are asked for

A year's sums of one dimension are one stretch of the key, and on SQLite the rows themselves lie there: what is summed
by name is read in the order of names, without a sort and without a jump for each row.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

COLUMNS = "scope, dimension, name, day, seconds, gpu_seconds, cost"


def upgrade() -> None:
    _remake(["scope", "dimension", "name", "day"], with_rowid=False)


def downgrade() -> None:
    _remake(["scope", "dimension", "day", "name"], with_rowid=True)


def _remake(key: list[str], *, with_rowid: bool) -> None:
    op.rename_table("usage_sums", "usage_sums_before")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX pk_usage_sums RENAME TO pk_usage_sums_before")
    op.create_table(
        "usage_sums",
        sa.Column("scope", sa.String(300), nullable=False),
        sa.Column("dimension", sa.String(8), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("gpu_seconds", sa.Double(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_usage_sums")),
        sqlite_with_rowid=with_rowid,
    )
    op.execute(
        f"INSERT INTO usage_sums ({COLUMNS}) SELECT {COLUMNS} FROM usage_sums_before "  # noqa: S608
        f"ORDER BY {', '.join(key)}"
    )
    op.drop_table("usage_sums_before")
