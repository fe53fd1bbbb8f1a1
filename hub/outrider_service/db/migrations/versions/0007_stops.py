"""how notebooks stop: when their GPUs worked, when they were kept, why the last one ended

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("leases") as batch:
        batch.add_column(sa.Column("gpu_used_at", sa.Double(), nullable=True))
        batch.add_column(sa.Column("kept_at", sa.Double(), nullable=True))
    op.create_table(
        "stops",
        sa.Column("lease_id", sa.String(300), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("stopped_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("lease_id", name=op.f("pk_stops")),
    )


def downgrade() -> None:
    op.drop_table("stops")
    with op.batch_alter_table("leases") as batch:
        batch.drop_column("kept_at")
        batch.drop_column("gpu_used_at")
