"""Requests to the Kubernetes API: the official client's connection and credentials, plain dictionaries as objects.

The generated models are not used: only a dozen fields of each watched pod matter.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
from kubernetes.aio import config as kube_config
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.exceptions import ApiException

from ..base import BackendError

Object = dict[str, Any]
TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=5)
WATCH_S: Final = 300
"""How long the server keeps a watch open; the client's timeout is a little longer."""
IN_CLUSTER: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


class KubernetesError(BackendError):
    """The API refused. ``status`` is the HTTP status; 0: unreachable."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class KubernetesApi:
    """GET, POST, PATCH, DELETE and watches. ``calls`` counts requests."""

    def __init__(self, kubeconfig: str | None = None) -> None:
        """``kubeconfig``: a file; None: the pod's service account, or $KUBECONFIG outside a cluster."""
        self._kubeconfig = kubeconfig
        self._client: ApiClient | None = None
        self.calls = 0

    async def open(self) -> None:
        if self._client is not None:
            return
        configuration = Configuration()
        if self._kubeconfig is None and IN_CLUSTER.exists():
            kube_config.load_incluster_config(client_configuration=configuration)
        else:
            await kube_config.load_kube_config(self._kubeconfig, client_configuration=configuration)
        configuration.retries = 0
        # Old clusters' self-signed certificates lack extensions that newer Pythons require.
        configuration.disable_strict_ssl_verification = True
        self._client = ApiClient(configuration)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def get(self, path: str, **query: Any) -> Object:
        return await self._json("GET", path, query)

    async def create(self, path: str, body: Object) -> Object:
        return await self._json("POST", path, {}, body)

    async def patch(self, path: str, body: Object) -> Object:
        return await self._json("PATCH", path, {}, body, "application/merge-patch+json")

    async def delete(self, path: str, body: Object | None = None, **query: Any) -> Object | None:
        """None if it was already gone."""
        try:
            return await self._json("DELETE", path, query, body)
        except KubernetesError as error:
            if error.status == 404:
                return None
            raise

    async def watch(self, path: str, **query: Any) -> AsyncIterator[Object]:
        """Events as they arrive, until the server ends the watch."""
        timeout = aiohttp.ClientTimeout(total=WATCH_S + 60, connect=5, sock_read=WATCH_S + 30)
        wanted = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": WATCH_S, **query}
        response = await self._send("GET", path, wanted, None, "application/json", timeout)
        try:
            await self._check(response)
            async for line in response.content:
                yield orjson.loads(line)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise KubernetesError(0, f"the watch broke: {error}") from error
        finally:
            response.close()

    async def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        body: Object | None = None,
        content_type: str = "application/json",
    ) -> Object:
        response = await self._send(method, path, query, body, content_type, TIMEOUT)
        try:
            await self._check(response)
            found: Object = orjson.loads(await response.read())
            return found
        except (aiohttp.ClientError, TimeoutError) as error:
            raise KubernetesError(0, f"the Kubernetes API does not answer: {error}") from error
        finally:
            response.release()

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        body: Object | None,
        content_type: str,
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        await self.open()
        assert self._client is not None
        self.calls += 1
        headers = {"Accept": "application/json", "Content-Type": content_type}
        try:
            wanted = await self._client.param_serialize(
                method, path, query_params=list(query.items()), header_params=headers, auth_settings=["BearerToken"]
            )
            answer = await self._client.call_api(method, wanted[1], wanted[2], body=body, _request_timeout=timeout)
        except (ApiException, aiohttp.ClientError, TimeoutError, OSError) as error:
            raise KubernetesError(0, f"the Kubernetes API does not answer: {error}") from error
        response: aiohttp.ClientResponse = answer.response
        return response

    async def _check(self, response: aiohttp.ClientResponse) -> None:
        if response.status < 400:
            return
        text = await response.text()
        try:
            message = str(orjson.loads(text)["message"])
        except (ValueError, KeyError, TypeError):
            message = text[:500] or str(response.reason)
        raise KubernetesError(response.status, message)
