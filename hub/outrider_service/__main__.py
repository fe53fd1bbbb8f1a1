"""``python -m outrider_service``: the service as a process, configured by traits, flags and the environment.

On one machine JupyterHub starts it as a managed service; elsewhere it runs on its own. The environment that
JupyterHub gives its services (JUPYTERHUB_…) says where the Hub is and who the service is.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from traitlets import Bool, Dict, Float, Integer, List, Unicode, default
from traitlets.config import Application

from outrider_sandbox import CLOSED_NETWORKS, UIDS, web_from_environment

from .db import Database
from .db.engine import migrate
from .service import BACKENDS, Service, Settings

PR_SET_PDEATHSIG = 1
MOST_FILES = 65536
LOCK_CHECK_S = 1.0


SWITCH_S = 0.0005
"""How long a thread that computes keeps the interpreter while another wants it; Python's own is ten times that."""


class OutriderService(Application):
    """The Outrider service: jobs, logs, metrics, artifacts and endpoints behind JupyterHub."""

    name = "outrider-service"
    description = __doc__ or ""

    config_file = Unicode("", help="A Python file with more configuration").tag(config=True)
    home = Unicode(help="State directory (OUTRIDER_HOME)").tag(config=True)
    database = Unicode(help="sqlite:///PATH or postgresql://… (OUTRIDER_DATABASE)").tag(config=True)
    catalog = Unicode(help="The YAML file of images and machine types (OUTRIDER_CATALOG)").tag(config=True)
    ip = Unicode(help="Where to listen").tag(config=True)
    port = Integer(help="Where to listen").tag(config=True)
    followers = Integer(
        help="How many connections that follow jobs one user may have open (OUTRIDER_FOLLOWERS_PER_USER)"
    ).tag(config=True)
    apps_port = Integer(help="Port for the hosts of jobs' ports (OUTRIDER_APPS_PORT)").tag(config=True)
    public_url = Unicode(help="The Hub's address in a browser (OUTRIDER_PUBLIC_URL)").tag(config=True)
    local_url = Unicode(
        help="The Hub's address for sandboxes on this machine (OUTRIDER_LOCAL_URL); empty: the public one"
    ).tag(config=True)
    apps_origin = Unicode(
        help="Scheme and domain of the hosts of jobs' ports, such as http://localhost:8004 (OUTRIDER_APPS_ORIGIN)"
    ).tag(config=True)
    cull_timeout = Float(help="Seconds after which an idle notebook is stopped; 0: never").tag(config=True)
    auth_cache = Integer(10, help="Seconds for which the Hub's answer about a token is cached").tag(config=True)
    backends = List(
        Unicode(),
        list(BACKENDS),
        help="Platforms that jobs run on: import names of functions that make one, in the order in which they may "
        "take a name (docs/contributing/service.md)",
    ).tag(config=True)
    backend_options = Dict(help="Settings of platforms that are not part of Outrider").tag(config=True)
    isolation = Unicode("", help="bubblewrap or plain; empty: detect").tag(config=True)
    kubernetes = Unicode(help="The YAML file that describes the cluster where jobs run (OUTRIDER_KUBERNETES)").tag(
        config=True
    )
    closed_networks = List(
        Unicode(),
        help="IPv4 networks that jobs on this machine cannot reach (OUTRIDER_CLOSED_NETWORKS, separated by spaces)",
    ).tag(config=True)
    uids = Unicode(
        help="Where root runs Outrider: the uids that users get on this machine, first-last, or none (OUTRIDER_UIDS)"
    ).tag(config=True)
    registries = List(
        Unicode(),
        help="Registries inside this network that images may come from: host, host:port, or http://host:port "
        "(OUTRIDER_REGISTRIES, separated by spaces)",
    ).tag(config=True)
    webhooks = List(
        Unicode(),
        help="Hosts inside this network that webhooks may notify, likewise (OUTRIDER_WEBHOOKS)",
    ).tag(config=True)
    exit_with_parent = Bool(False, help="Exit when the process that started it ends").tag(config=True)

    aliases = {  # noqa: RUF012
        "config": "OutriderService.config_file",
        "home": "OutriderService.home",
        "database": "OutriderService.database",
        "catalog": "OutriderService.catalog",
        "port": "OutriderService.port",
        "apps-port": "OutriderService.apps_port",
        "public-url": "OutriderService.public_url",
    }
    flags = {  # noqa: RUF012
        "exit-with-parent": (
            {"OutriderService": {"exit_with_parent": True}},
            "Exit when the process that started it ends",
        ),
    }

    @default("home")
    def _home(self) -> str:
        state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        return os.environ.get("OUTRIDER_HOME") or str(Path(state) / "outrider")

    @default("database")
    def _database(self) -> str:
        return os.environ.get("OUTRIDER_DATABASE") or f"sqlite:///{self.home}/outrider.db"

    @default("catalog")
    def _catalog(self) -> str:
        return os.environ.get("OUTRIDER_CATALOG") or str(Path(self.home) / "catalog.yaml")

    def _service_url(self) -> Any:
        return urlsplit(os.environ.get("JUPYTERHUB_SERVICE_URL") or "http://127.0.0.1:8003")

    @default("ip")
    def _ip(self) -> str:
        return str(self._service_url().hostname)

    @default("port")
    def _port(self) -> int:
        return int(self._service_url().port or 8003)

    @default("followers")
    def _followers(self) -> int:
        return int(os.environ.get("OUTRIDER_FOLLOWERS_PER_USER") or 64)

    @default("apps_port")
    def _apps_port(self) -> int:
        return int(os.environ.get("OUTRIDER_APPS_PORT") or self.port + 1)

    @default("public_url")
    def _public_url(self) -> str:
        return os.environ.get("OUTRIDER_PUBLIC_URL") or "http://127.0.0.1:8000"

    @default("local_url")
    def _local_url(self) -> str:
        return os.environ.get("OUTRIDER_LOCAL_URL") or ""

    @default("apps_origin")
    def _apps_origin(self) -> str:
        return os.environ.get("OUTRIDER_APPS_ORIGIN") or f"http://localhost:{self.apps_port}"

    @default("kubernetes")
    def _kubernetes(self) -> str:
        return os.environ.get("OUTRIDER_KUBERNETES") or ""

    @default("cull_timeout")
    def _cull_timeout(self) -> float:
        return float(os.environ.get("OUTRIDER_CULL_TIMEOUT") or 43200)

    @default("closed_networks")
    def _closed_networks(self) -> list[str]:
        given = os.environ.get("OUTRIDER_CLOSED_NETWORKS")
        return list(CLOSED_NETWORKS) if given is None else given.split()

    @default("uids")
    def _uids(self) -> str:
        return os.environ.get("OUTRIDER_UIDS") or UIDS

    @default("registries")
    def _registries(self) -> list[str]:
        return os.environ.get("OUTRIDER_REGISTRIES", "").split()

    @default("webhooks")
    def _webhooks(self) -> list[str]:
        return os.environ.get("OUTRIDER_WEBHOOKS", "").split()

    def settings(self) -> Settings:
        hub = urlsplit(self.local_url or self.public_url)
        return Settings(
            home=Path(self.home).absolute(),
            database=self.database,
            catalog=Path(self.catalog),
            prefix=os.environ.get("JUPYTERHUB_SERVICE_PREFIX") or "/services/outrider/",
            public_url=self.public_url,
            apps_origin=self.apps_origin,
            hub_address=f"{hub.hostname}:{hub.port or (443 if hub.scheme == 'https' else 80)}",
            cull_timeout_s=self.cull_timeout,
            auth_cache_s=self.auth_cache,
            backends=tuple(self.backends),
            backend_options=dict(self.backend_options),
            isolation=self.isolation or None,
            kubernetes=Path(self.kubernetes) if self.kubernetes else None,
            closed_networks=tuple(self.closed_networks),
            web=web_from_environment(os.environ),
            uids=self.uids,
            registries=tuple(self.registries),
            webhooks=tuple(self.webhooks),
            followers=self.followers,
        )

    def run(self) -> int:
        """Serve until a signal. Returns the exit code."""
        if self.config_file:
            self.load_config_file(self.config_file)
        logging.basicConfig(
            level=os.environ.get("OUTRIDER_LOG_LEVEL", "INFO"),
            format="[%(levelname).1s %(asctime)s outrider %(name)s] %(message)s",
        )
        for noisy in ("alembic", "aiosqlite", "tornado.access"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        if self.exit_with_parent:
            _end_with_parent()
        os.umask(0o077)
        _allow_many_files()
        # Answering one request passes from thread to thread some twenty times, each time behind whatever else computes.
        sys.setswitchinterval(SWITCH_S)
        return asyncio.run(self._serve())

    async def _serve(self) -> int:
        from .app import make_app, make_apps_app

        settings = self.settings()
        db = Database(settings.database)
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        waiting = asyncio.create_task(db.lock())
        asked_to_stop = asyncio.create_task(stopping.wait())
        await asyncio.wait({waiting, asked_to_stop}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            return 0
        await waiting
        await asyncio.to_thread(migrate, settings.database)
        service = Service(settings, db)
        await service.start()
        servers = [
            (HTTPServer(make_app(service), xheaders=True), self.port),
            (HTTPServer(make_apps_app(service), xheaders=False), self.apps_port),
        ]
        for server, port in servers:
            server.add_sockets(bind_sockets(port, self.ip, reuse_port=False))
        logging.getLogger(__name__).info("serving on %s:%d, apps on %d", self.ip, self.port, self.apps_port)
        code = await self._until_stopped(service, stopping)
        for server, _ in servers:
            server.stop()
        await service.stop()
        return code

    async def _until_stopped(self, service: Service, stopping: asyncio.Event) -> int:
        waits = [asyncio.create_task(event.wait()) for event in (stopping, service.db.lost)]
        try:
            while not (await asyncio.wait(waits, timeout=LOCK_CHECK_S, return_when=asyncio.FIRST_COMPLETED))[0]:
                await service.db.still_locked()
        finally:
            for wait in waits:
                wait.cancel()
        # Another service may already be the writer: stop at once rather than write beside it.
        return 1 if service.db.lost.is_set() else 0


def _allow_many_files() -> None:
    """Every follower and every request to a job's port holds some; 1024, the usual limit, is soon used up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _end_with_parent() -> None:
    """The Hub was killed: its next life starts a service of its own, and this one must not hold the database."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    application = OutriderService()
    application.parse_command_line(sys.argv[1:])
    sys.exit(application.run())


if __name__ == "__main__":
    main()
