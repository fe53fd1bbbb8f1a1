"""usage by month with every detail

A year's usage, filtered or by several names, is summed from whole months and the days at both ends, instead of from
every day.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

NAMES = "owner, group_name, project, machine, kind"


def upgrade() -> None:
    op.create_table(
        "usage_months",
        sa.Column("month", sa.Integer(), nullable=False, comment="its first day, as days since 1970, UTC"),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("group_name", sa.String(255), nullable=False, comment="empty: none"),
        sa.Column("project", sa.String(63), nullable=False, comment="empty: none"),
        sa.Column("machine", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("gpu_seconds", sa.Double(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint(
            "month", "owner", "group_name", "project", "machine", "kind", name=op.f("pk_usage_months")
        ),
        sqlite_with_rowid=False,
    )
    first, last = op.get_bind().execute(sa.text("SELECT min(day), max(day) FROM usage_days")).one()
    while first is not None and first <= last:
        month = _day(first).replace(day=1)
        begin, end = _number(month), _number((month + timedelta(days=31)).replace(day=1))
        op.execute(
            f"INSERT INTO usage_months SELECT {begin}, {NAMES}, sum(seconds), sum(gpu_seconds), sum(cost) "  # noqa: S608
            f"FROM usage_days WHERE day >= {begin} AND day < {end} GROUP BY {NAMES}"
        )
        first = end


def downgrade() -> None:
    op.drop_table("usage_months")


def _day(number: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=number)).date()


def _number(day: date) -> int:
    return (day - date(1970, 1, 1)).days
