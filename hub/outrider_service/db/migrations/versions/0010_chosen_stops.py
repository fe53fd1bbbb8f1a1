"""when a notebook stops, as its owner chose

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

COLUMNS = ("max_age_s", "idle_timeout_s")


def upgrade() -> None:
    with op.batch_alter_table("leases") as table:
        for name in COLUMNS:
            table.add_column(sa.Column(name, sa.Integer()))


def downgrade() -> None:
    with op.batch_alter_table("leases") as table:
        for name in COLUMNS:
            table.drop_column(name)
