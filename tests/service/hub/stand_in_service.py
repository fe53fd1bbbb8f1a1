"""Plays the service towards the Hub: health, a catalog, room for servers, and who calls."""

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from jupyterhub.services.auth import HubAuth
from outrider_hub.lifeline import end_with
from outrider_service.backends.local.environments import mounts_for
from tornado.web import Application, RequestHandler

HOME = Path(os.environ["OUTRIDER_HOME"])
LEASES: dict[str, dict] = {}


class Health(RequestHandler):
    def get(self):
        self.write({"status": "ok", "version": "0", "database": "", "platforms": {}, "pid": os.getpid()})


class Caller(RequestHandler):
    async def get(self):
        token = self.request.headers.get("Authorization", "").partition(" ")[2]
        self.write(await HubAuth().user_for_token(token, sync=False, use_cache=False) or {})


class Images(RequestHandler):
    def get(self):
        image = dict(name="outrider/python", title="Python", description="", for_jobs=True, environment=None)
        self.write({"items": [image | {"for_notebooks": True}]})


class Machines(RequestHandler):
    def get(self):
        machine = dict(name="small", title="Small", description="", cluster="default", cpu=1, memory_mb=2048)
        machine |= dict(gpu=0, gpu_model=None, price_per_hour=0, preemptible=False, total=2, free=1, waiting=0)
        self.write({"items": [machine]})


class Spawns(RequestHandler):
    def put(self, user, server):
        request = json.loads(self.request.body)
        if request.get("machine") == "full":
            self.set_status(429)
            self.write({"status": 429, "message": "No machine of this type is free. Choose a smaller one."})
            return
        home = HOME / "users" / user / "homes" / server
        home.mkdir(parents=True, exist_ok=True)
        lease = dict(lease=f"{user}/{server}", image="outrider/python", environment="", machine="small", cpu=1)
        lease |= dict(memory_mb=2048, gpus=[], price_per_hour=0, home="/home/user", env={})
        lease["mounts"] = [asdict(mount) for mount in mounts_for(None)]
        lease["mounts"] += [{"source": str(home), "target": "/home/user", "read_only": False}]
        LEASES[lease["lease"]] = lease
        self.write(lease)

    def delete(self, user, server):
        LEASES.pop(f"{user}/{server}", None)
        self.set_status(204)

    def get(self, *_):
        self.write({"leases": list(LEASES)})


async def main():
    end_with(os.getppid())
    api = "/services/outrider/api/v1"
    routes = [("/health", Health), ("/caller", Caller), ("/images", Images), ("/machines", Machines)]
    routes += [("/spawns", Spawns), ("/spawns/([^/]+)/([^/]+)", Spawns)]
    app = Application([(api + path, handler) for path, handler in routes])
    url = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    app.listen(url.port, url.hostname)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
