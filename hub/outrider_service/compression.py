"""Compresses what is worth it: whole JSON answers of the API, and the scripts and styles of the pages.

Streams, downloads with ranges and whatever the programs of jobs serve go out as they are.
"""

from __future__ import annotations

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import GZipContentEncoding


class Compression(GZipContentEncoding):
    """A transform of the application's answers. Tornado makes one for each request."""

    prefix = "/"
    # Most of the gain at a third of the default's time.
    GZIP_LEVEL = 4

    def __init__(self, request: HTTPServerRequest) -> None:
        super().__init__(request)
        self._api = request.path.startswith(f"{self.prefix}api/")
        if not self._api and not request.path.startswith(f"{self.prefix}static/"):
            self._gzipping = False

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        if self._api:
            kind = headers.get("Content-Type", "").partition(";")[0]
            self._gzipping = self._gzipping and finishing and kind == "application/json"
        if "Content-Range" in headers or status_code in (204, 304):
            self._gzipping = False
        return super().transform_first_chunk(status_code, headers, chunk, finishing)


def compression(prefix: str) -> type[Compression]:
    """The transform for a service at ``prefix``, which ends with a slash."""
    return type("ServiceCompression", (Compression,), {"prefix": prefix})
