"""People at the Hub's login, all at once: ``URL HOW-MANY PASSWORD TEXT-OF-THE-PAGE``; prints the times as JSON."""

from __future__ import annotations

import asyncio
import re
import secrets
import sys
import time
from urllib.parse import urljoin

import httpx
import orjson

FILES = re.compile(r'(?:<link rel="stylesheet" href|<script[^>]* src)="([^"]+)"')
TIMEOUT_S = 120
# The proxy closes connections after 5 s without a request; a browser tries again then, httpx does not.
LIMITS = httpx.Limits(keepalive_expiry=2)


async def one(url: str, name: str, password: str, word: str) -> float:
    """Logs in and loads the page with its files; seconds."""
    began = time.monotonic()
    async with httpx.AsyncClient(base_url=url, follow_redirects=True, timeout=TIMEOUT_S, limits=LIMITS) as browser:
        form = await browser.get("/hub/login?next=/hub/spawn")
        body = {"username": name, "password": password, "_xsrf": browser.cookies["_xsrf"]}
        page = await browser.post("/hub/login?next=/hub/spawn", data=body)
        assert page.status_code == 200 and word in page.text, (page.status_code, page.text[:2000])
        files = {urljoin(str(page.url), path) for path in FILES.findall(form.text + page.text)}
        for answer in await asyncio.gather(*(browser.get(file) for file in files)):
            assert answer.status_code == 200, answer.url
    return time.monotonic() - began


async def main() -> None:
    url, count, password, word = sys.argv[1:]
    run = secrets.token_hex(3)
    began = time.monotonic()
    each = await asyncio.gather(*(one(url, f"user{run}{n}", password, word) for n in range(int(count))))
    sys.stdout.buffer.write(orjson.dumps({"seconds": time.monotonic() - began, "each": each}) + b"\n")


asyncio.run(main())
