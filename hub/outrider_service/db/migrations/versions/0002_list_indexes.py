"""indexes that answer lists and the queue by themselves

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

FIRST = {
    "ix_jobs_created_at_id_name": ["created_at", "id", "name"],
    "ix_jobs_owner_created_at_id_name": ["owner", "created_at", "id", "name"],
    "ix_jobs_owner_status_created_at_id": ["owner", "status", "created_at", "id"],
    "ix_jobs_status_created_at_id": ["status", "created_at", "id"],
    "ix_jobs_queue": ["cluster", "status", "priority", "created_at", "id"],
    "ix_jobs_project_created_at_id": ["project", "created_at", "id"],
    "ix_jobs_experiment_created_at_id": ["experiment", "created_at", "id"],
    "ix_jobs_group_name_created_at_id": ["group_name", "created_at", "id"],
}
LISTED = ["owner", "status", "project", "experiment", "group_name", "desired", "name"]
LISTS = {
    "ix_jobs_list_all": ["created_at", "id", *LISTED],
    **{
        f"ix_jobs_list_{first}": [first, "created_at", "id", *(name for name in LISTED if name != first)]
        for first in ("owner", "status", "project", "experiment", "group_name")
    },
}


def upgrade() -> None:
    for name in FIRST:
        op.drop_index(name, "jobs")
    op.create_index(
        "ix_jobs_queue", "jobs", ["cluster", "status", "desired", sa.text("priority DESC"), "created_at", "id"]
    )
    op.create_index("ix_jobs_due", "jobs", ["cluster", "status", "not_before"])
    op.create_index("ix_jobs_owner_status", "jobs", ["owner", "status", "desired"])
    for name, columns in LISTS.items():
        op.create_index(name, "jobs", columns)


def downgrade() -> None:
    for name in ("ix_jobs_queue", "ix_jobs_due", "ix_jobs_owner_status", *LISTS):
        op.drop_index(name, "jobs")
    for name, columns in FIRST.items():
        op.create_index(name, "jobs", columns)
