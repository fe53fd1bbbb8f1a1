"""The tables, in SQLAlchemy Core. Times are seconds since 1970 (UTC) as floats on every database."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    desc,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

installation = Table(
    "installation",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("adopted_at", Double, comment="when what earlier versions left unmarked was taken over; null: not yet"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(13), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("owner", String(255), nullable=False),
    Column("owner_groups", JSON, nullable=False, comment="whose team storage is mounted"),
    Column("group_name", String(255)),
    Column("project", String(63)),
    Column("experiment", String(63)),
    Column("cluster", String(63), nullable=False),
    Column("machine", String(63), nullable=False),
    Column("image", String(512), nullable=False),
    Column("image_digest", String(255)),
    Column("spec", JSON, nullable=False, comment="the Submission as validated"),
    Column("priority", Integer, nullable=False),
    Column("price_per_hour", Double, nullable=False),
    Column("parent_id", String(13)),
    Column("idempotency_key", String(255)),
    Column("idempotency_hash", String(64)),
    Column("status", String(16), nullable=False),
    Column("desired", String(8), nullable=False, comment="run, stop or delete"),
    Column("stop_reason", String(32), comment="why a stop was asked for"),
    Column("reason", String(32)),
    Column("exit_code", Integer),
    Column("message", Text),
    Column("attempt", Integer, nullable=False, comment="number of the newest attempt, 0 before the first"),
    Column("retries_used", Integer, nullable=False),
    Column("requeues_used", Integer, nullable=False),
    Column("not_before", Double, nullable=False, comment="a requeued job waits until then"),
    Column("commit_hash", String(64), comment="of a git workspace, once cloned"),
    Column("progress", JSON),
    Column("billed_s", Double, nullable=False, comment="seconds of the attempts that have ended"),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double, comment="of the newest attempt"),
    Column("finished_at", Double),
    UniqueConstraint("owner", "idempotency_key"),
    # The queue in its order: by priority, then age.
    Index("ix_jobs_queue", "cluster", "status", "desired", desc("priority"), "created_at", "id"),
    Index("ix_jobs_due", "cluster", "status", "not_before"),
    Index("ix_jobs_owner_status", "owner", "status", "desired"),
)

LISTED = ("owner", "status", "project", "experiment", "group_name", "desired", "name")
"""What lists are filtered by. An index has all of these behind its order, so that a combination of filters that few
jobs pass is answered from one narrow index, without a look at the wide rows of those that it leaves out."""

for _first in (None, "owner", "status", "project", "experiment", "group_name"):
    _columns = ([_first] if _first else []) + ["created_at", "id"] + [name for name in LISTED if name != _first]
    Index(f"ix_jobs_list_{_first or 'all'}", *(jobs.c[name] for name in _columns))

tags = Table(
    "tags",
    metadata,
    Column("tag", String(63), primary_key=True),
    Column("job_id", String(13), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_tags_job_id", "job_id"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("job_id", String(13), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("status", String(16), nullable=False),
    Column("reason", String(32)),
    Column("exit_code", Integer),
    Column("message", Text),
    Column("node", String(255)),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("finished_at", Double),
)

job_sizes = Table(
    "job_sizes",
    metadata,
    Column("job_id", String(13), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("bytes", BigInteger, nullable=False, comment="of an ended job: artifacts, log, series, workspace"),
)

events = Table(
    "events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("job_id", String(13), ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("time", Double, nullable=False),
    Column("type", String(32), nullable=False),
    Column("message", Text, nullable=False),
    Index("ix_events_job_id_id", "job_id", "id"),
)

leases = Table(
    "leases",
    metadata,
    Column("id", String(300), primary_key=True, comment="job/<id>/<attempt> or notebook/<user>/<server>"),
    Column("owner", String(255), nullable=False),
    Column("group_name", String(255)),
    Column("cluster", String(63), nullable=False),
    Column("machine", String(63), nullable=False),
    Column("image", String(512), nullable=False),
    Column("cpu", Double, nullable=False),
    Column("memory_mb", Integer, nullable=False),
    Column("gpus", JSON, nullable=False, comment="UUIDs of the GPUs held"),
    Column("gpu_count", Integer, nullable=False, comment="of all its machines"),
    Column("price_per_hour", Double, nullable=False, comment="of all its machines"),
    Column("created_at", Double, nullable=False),
    Column("project", String(63)),
    Column("started_at", Double, comment="of the container; what is billed begins here"),
    Column("seen_at", Double, comment="when it was last seen to run; what is billed ends here if nobody saw the end"),
    Column("gpu_used_at", Double, comment="when a notebook's GPUs last worked, as its server says"),
    Column("kept_at", Double, comment="when its owner last asked to keep a notebook"),
    Column("max_age_s", Integer, comment="when a notebook ends, as its owner chose at its start"),
    Column("idle_timeout_s", Integer, comment="and after how long without use"),
    Column("nodes", Integer, nullable=False, server_default="1", comment="how many such machines"),
    Index("ix_leases_owner", "owner"),
)

stops = Table(
    "stops",
    metadata,
    Column("lease_id", String(300), primary_key=True, comment="of a notebook"),
    Column("reason", String(500), nullable=False),
    Column("stopped_at", Double, nullable=False),
    comment="why a notebook was stopped by itself the last time",
)

ledger = Table(
    "ledger",
    metadata,
    Column("id", String(330), primary_key=True, comment="the lease's id and time"),
    Column("kind", String(16), nullable=False, comment="job or notebook"),
    Column("owner", String(255), nullable=False),
    Column("group_name", String(255)),
    Column("project", String(63)),
    Column("cluster", String(63), nullable=False),
    Column("machine", String(63), nullable=False),
    Column("gpu_count", Integer, nullable=False),
    Column("price_per_hour", Double, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("finished_at", Double, nullable=False),
    Column("cost", Double, nullable=False),
    Index("ix_ledger_finished_at_id", "finished_at", "id"),
    Index("ix_ledger_owner_finished_at_id", "owner", "finished_at", "id"),
)

usage_days = Table(
    "usage_days",
    metadata,
    Column("day", Integer, primary_key=True, comment="days since 1970, UTC"),
    Column("owner", String(255), primary_key=True),
    Column("group_name", String(255), primary_key=True, comment="empty: none"),
    Column("project", String(63), primary_key=True, comment="empty: none"),
    Column("machine", String(63), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("seconds", Double, nullable=False),
    Column("gpu_seconds", Double, nullable=False),
    Column("cost", Double, nullable=False),
    Index("ix_usage_days_owner_day", "owner", "day"),
    Index("ix_usage_days_group_name_day", "group_name", "day"),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("id", String(71), primary_key=True, comment="sha256:<hex> of the zip"),
    Column("size", BigInteger, nullable=False),
    Column("files", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
)

snapshot_owners = Table(
    "snapshot_owners",
    metadata,
    Column("snapshot_id", String(71), ForeignKey("snapshots.id", ondelete="CASCADE"), primary_key=True),
    Column("owner", String(255), primary_key=True),
    Column("used_at", Double, nullable=False),
)

catalog = Table(
    "catalog",
    metadata,
    Column("kind", String(8), primary_key=True, comment="image, machine or limits"),
    Column("owner", String(255), primary_key=True, comment="whose own image; empty: everybody's, kept by admins"),
    Column("name", String(512), primary_key=True),
    Column("origin", String(8), nullable=False, comment="file: follows it; admin, user; removed: stays away"),
    Column("position", Integer, nullable=False),
    Column("entry", JSON, nullable=False, comment="without name: MachineType, ImageEntry or LimitSet"),
    Column("facts", JSON(none_as_null=True), comment="of an image: what its registry said last"),
    Column("changed_at", Double, nullable=False),
    Column("changed_by", String(255)),
)

secrets = Table(
    "secrets",
    metadata,
    Column("subject", String(300), primary_key=True, comment="user:NAME, group:NAME or everybody"),
    Column("kind", String(16), primary_key=True, comment="variable, registry, git or ssh"),
    Column("name", String(255), primary_key=True),
    Column("account", String(255)),
    Column("sealed", Text, nullable=False),
    Column("changed_at", Double, nullable=False),
    Column("changed_by", String(255), nullable=False),
)

usage_months = Table(
    "usage_months",
    metadata,
    Column("month", Integer, primary_key=True, comment="its first day, as days since 1970, UTC"),
    Column("owner", String(255), primary_key=True),
    Column("group_name", String(255), primary_key=True, comment="empty: none"),
    Column("project", String(63), primary_key=True, comment="empty: none"),
    Column("machine", String(63), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("seconds", Double, nullable=False),
    Column("gpu_seconds", Double, nullable=False),
    Column("cost", Double, nullable=False),
    # The rows lie in the key's order on SQLite: a year is one sweep over a twentieth of the days' rows.
    sqlite_with_rowid=False,
)

usage_sums = Table(
    "usage_sums",
    metadata,
    Column("scope", String(300), primary_key=True, comment="all, or who pays: user:NAME or group:NAME"),
    Column("dimension", String(8), primary_key=True, comment="what the name is of; total: of nothing"),
    Column("name", String(255), primary_key=True),
    Column("day", Integer, primary_key=True, comment="days since 1970, UTC"),
    Column("seconds", Double, nullable=False),
    Column("gpu_seconds", Double, nullable=False),
    Column("cost", Double, nullable=False),
    # The key is the order of the questions, and on SQLite the rows lie in it: a year by name is one sweep.
    sqlite_with_rowid=False,
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(14), primary_key=True),
    Column("owner", String(255), nullable=False),
    Column("url", String(2048), nullable=False),
    Column("events", JSON, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("sealed", Text, nullable=False, comment="the key that signs"),
    Column("created_at", Double, nullable=False),
    Column("last_at", Double),
    Column("last_error", Text, comment="of the last try; null: it arrived"),
    Index("ix_webhooks_owner", "owner"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("webhook_id", String(14), ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("event", String(32), nullable=False),
    Column("data", JSON, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Double, nullable=False),
    Index("ix_deliveries_due_at", "due_at"),
)

notices = Table(
    "notices",
    metadata,
    Column("subject", String(300), primary_key=True),
    Column("what", String(64), primary_key=True, comment="told once: as budget/2024-05"),
    Column("told_at", Double, nullable=False),
)

__all__ = [
    "attempts",
    "catalog",
    "deliveries",
    "events",
    "installation",
    "job_sizes",
    "jobs",
    "leases",
    "ledger",
    "metadata",
    "notices",
    "secrets",
    "snapshot_owners",
    "snapshots",
    "tags",
    "usage_days",
    "usage_months",
    "usage_sums",
    "webhooks",
]
