"""sums of usage by one name and day, for whoever pays and for all

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SCOPES = ("'all'", "CASE WHEN group_name = '' THEN 'user:' || owner ELSE 'group:' || group_name END")
DIMENSIONS = {
    "total": "''",
    "user": "owner",
    "group": "group_name",
    "project": "project",
    "machine": "machine",
    "kind": "kind",
}


def upgrade() -> None:
    op.create_table(
        "usage_sums",
        sa.Column("scope", sa.String(300), nullable=False),
        sa.Column("dimension", sa.String(8), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("gpu_seconds", sa.Double(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "dimension", "day", "name", name=op.f("pk_usage_sums")),
    )
    for scope in SCOPES:
        for dimension, column in DIMENSIONS.items():
            op.execute(
                "INSERT INTO usage_sums (scope, dimension, day, name, seconds, gpu_seconds, cost) "  # noqa: S608
                f"SELECT {scope}, '{dimension}', day, {column}, sum(seconds), sum(gpu_seconds), sum(cost) "
                "FROM usage_days GROUP BY 1, 2, 3, 4"
            )


def downgrade() -> None:
    op.drop_table("usage_sums")
