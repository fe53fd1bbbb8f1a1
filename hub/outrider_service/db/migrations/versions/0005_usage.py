"""the ledger, and when what holds a machine has started

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("leases") as batch:
        batch.add_column(sa.Column("project", sa.String(63)))
        batch.add_column(sa.Column("started_at", sa.Double()))
        batch.add_column(sa.Column("seen_at", sa.Double()))
    op.create_table(
        "ledger",
        sa.Column("id", sa.String(330), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("group_name", sa.String(255)),
        sa.Column("project", sa.String(63)),
        sa.Column("cluster", sa.String(63), nullable=False),
        sa.Column("machine", sa.String(63), nullable=False),
        sa.Column("gpu_count", sa.Integer(), nullable=False),
        sa.Column("price_per_hour", sa.Double(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger")),
    )
    op.create_index("ix_ledger_finished_at_id", "ledger", ["finished_at", "id"])
    op.create_index("ix_ledger_owner_finished_at_id", "ledger", ["owner", "finished_at", "id"])
    op.create_table(
        "usage_days",
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("group_name", sa.String(255), nullable=False),
        sa.Column("project", sa.String(63), nullable=False),
        sa.Column("machine", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("gpu_seconds", sa.Double(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("day", "owner", "group_name", "project", "machine", "kind", name=op.f("pk_usage_days")),
    )
    op.create_index("ix_usage_days_owner_day", "usage_days", ["owner", "day"])
    op.create_index("ix_usage_days_group_name_day", "usage_days", ["group_name", "day"])
    # What runs during the upgrade is billed from when its job started.
    op.execute(
        "UPDATE leases SET started_at ="
        " (SELECT jobs.started_at FROM jobs WHERE leases.id LIKE 'job/' || jobs.id || '/%')"
        " WHERE id LIKE 'job/%'"
    )
    op.execute("UPDATE leases SET started_at = created_at WHERE id LIKE 'notebook/%'")


def downgrade() -> None:
    op.drop_table("usage_days")
    op.drop_table("ledger")
    with op.batch_alter_table("leases") as batch:
        for name in ("project", "started_at", "seen_at"):
            batch.drop_column(name)
