"""Figures for Prometheus: gauges read from the database when asked, counters kept as things happen."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector

from .backends.base import Backend
from .capacity.leases import list_leases
from .db import Database
from .jobs import store
from .jobs.belongings import Belongings
from .jobs.reconcile_queue import ReconcileQueue
from .seats import Seats
from .telemetry.ingest import Ingest
from .user_threads import UserThreads


class Instruments:
    """The registry, filled by ``refresh``."""

    def __init__(
        self,
        db: Database,
        queue: ReconcileQueue,
        ingest: Ingest,
        backends: Mapping[str, Backend],
        pools: Mapping[str, UserThreads],
        seats: Mapping[str, Seats],
        belongings: Belongings,
    ) -> None:
        self._pools = pools
        self._seats = seats
        self._db = db
        self._queue = queue
        self._ingest = ingest
        self._backends = backends
        self._belongings = belongings
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._jobs = Gauge("outrider_jobs", "Jobs by status", ["status"], registry=self.registry)
        self._leases = Gauge("outrider_leases", "Held machines", ["kind", "machine"], registry=self.registry)
        self._price = Gauge(
            "outrider_price_per_hour", "Hourly price of everything that is running", registry=self.registry
        )
        self._keys = Gauge("outrider_reconcile_queue", "Keys in the work queue", registry=self.registry)
        self._lines = Gauge("outrider_log_lines_total", "Log lines stored", registry=self.registry)
        self._refused = Gauge(
            "outrider_records_refused_total", "Invalid runner records in jobs' output", registry=self.registry
        )
        self._lost = Gauge(
            "outrider_log_bytes_lost_total", "Bytes of output that could not be stored", registry=self.registry
        )
        self._disk_work = Gauge(
            "outrider_disk_work", "Users' disk operations", ["pool", "state"], registry=self.registry
        )
        self._followers = Gauge("outrider_followers", "Connections that follow jobs", ["kind"], registry=self.registry)
        self._requests = Gauge(
            "outrider_platform_requests_total", "Requests to a platform's API", ["cluster"], registry=self.registry
        )
        self._unknown = Gauge(
            "outrider_unknown_objects",
            "Objects that a platform holds under this release's name and the database does not know; left alone",
            ["cluster"],
            registry=self.registry,
        )

    async def refresh(self) -> None:
        """Read everything that is not counted as it happens."""
        async with self._db.read() as conn:
            counts = await store.count_by_status(conn)
            held = await list_leases(conn)
        self._jobs.clear()
        for status, count in counts.items():
            self._jobs.labels(status).set(count)
        self._leases.clear()
        for lease in held:
            self._leases.labels(lease.kind, lease.machine).inc()
        self._price.set(sum(lease.price_per_hour for lease in held))
        self._keys.set(len(self._queue))
        for cluster, backend in self._backends.items():
            self._requests.labels(cluster).set(backend.requests)
        for cluster, names in self._belongings.unknown.items():
            self._unknown.labels(cluster).set(len(names))
        self._lines.set(self._ingest.lines_total)
        self._refused.set(self._ingest.records_refused_total)
        self._lost.set(self._ingest.bytes_lost_total)
        for pool, threads in self._pools.items():
            for state, count in threads.counts().items():
                self._disk_work.labels(pool, state).set(count)
        for kind, seats in self._seats.items():
            self._followers.labels(kind).set(len(seats))
