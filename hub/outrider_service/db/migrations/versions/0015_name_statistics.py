"""PostgreSQL knows how common a text is in the names of jobs

Lists search in lower(name), of which PostgreSQL keeps no statistics by itself: it takes every search for a rare one,
and then reads and sorts all jobs that pass the other filters instead of walking the list until a page is full.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if _has_statistics_of_expressions():
        op.execute('CREATE STATISTICS st_jobs_name_lower ON (lower(name COLLATE "C")) FROM jobs')
        op.execute("ANALYZE jobs")


def downgrade() -> None:
    if _has_statistics_of_expressions():
        op.execute("DROP STATISTICS IF EXISTS st_jobs_name_lower")


def _has_statistics_of_expressions() -> bool:
    bind = op.get_bind()
    return bind.dialect.name == "postgresql" and (bind.dialect.server_version_info or (0,)) >= (14,)
