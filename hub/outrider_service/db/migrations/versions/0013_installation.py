"""the installation has an id, by which it knows what it made on a platform

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    table = op.create_table(
        "installation",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("adopted_at", sa.Double()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.bulk_insert(table, [{"id": secrets.token_hex(16), "adopted_at": None}])


def downgrade() -> None:
    op.drop_table("installation")
