"""Figures for Prometheus: gauges read from the database when asked, counters kept as things happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector

from .backends.kubernetes import KubernetesBackend
from .jobs import store
from .usage.leases import list_leases

if TYPE_CHECKING:
    from .service import Service


class Instruments:
    """The registry, filled by ``refresh``."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.jobs = Gauge("outrider_jobs", "Jobs by status", ["status"], registry=self.registry)
        self.leases = Gauge("outrider_leases", "Held machines", ["kind", "machine"], registry=self.registry)
        self.price = Gauge("outrider_price_per_hour", "Price of everything held, per hour", registry=self.registry)
        self.queue = Gauge("outrider_reconcile_queue", "Keys in the work queue", registry=self.registry)
        self.lines = Gauge("outrider_log_lines_total", "Log lines taken in", registry=self.registry)
        self.refused = Gauge(
            "outrider_records_refused_total", "Records in jobs' output that have no known form", registry=self.registry
        )
        self.lost = Gauge(
            "outrider_log_bytes_lost_total", "Bytes of output that could not be taken in", registry=self.registry
        )
        self.disk_work = Gauge(
            "outrider_disk_work",
            "Work of users on the disk: pool and what it does",
            ["pool", "state"],
            registry=self.registry,
        )
        self.followers = Gauge(
            "outrider_followers",
            "Connections that follow jobs, and their subscriptions",
            ["kind"],
            registry=self.registry,
        )
        self.requests = Gauge(
            "outrider_kubernetes_requests_total", "Requests to the Kubernetes API", registry=self.registry
        )

    async def refresh(self) -> None:
        async with self.service.db.read() as conn:
            counts = await store.count_by_status(conn)
            held = await list_leases(conn)
        self.jobs.clear()
        for status, count in counts.items():
            self.jobs.labels(status).set(count)
        self.leases.clear()
        for lease in held:
            self.leases.labels(lease.id.partition("/")[0], lease.machine).inc()
        self.price.set(sum(lease.price_per_hour for lease in held))
        self.queue.set(len(self.service.reconciler.queue))
        self.requests.set(sum(b.api.calls for b in self.service.backends.values() if isinstance(b, KubernetesBackend)))
        self.lines.set(self.service.ingest.lines_total)
        pools = {
            "requests": self.service.threads,
            "logs": self.service.ingest.threads,
            "measuring": self.service.storage_use.threads,
        }
        for pool, threads in pools.items():
            for state, count in threads.counts().items():
                self.disk_work.labels(pool, state).set(count)
        self.followers.labels("connections").set(len(self.service.followers))
        self.followers.labels("subscriptions").set(len(self.service.subscriptions))
        self.refused.set(self.service.ingest.records_refused_total)
        self.lost.set(self.service.ingest.bytes_lost_total)
