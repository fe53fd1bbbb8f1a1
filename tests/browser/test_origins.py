"""What a hostile user's notebook can do to a visitor who is logged in: nothing. With the origin shared, everything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from tests.browser.people import PATIENCE_MS
from tests.integration.hub.platform_process import Platform, client

# What mallory serves in place of Jupyter, and what she keeps of every request.
HOSTILE = r"""
import http.server, json, os, urllib.parse
place = urllib.parse.urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
seen = []
class Hostile(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.endswith("/seen"):
            kind, body = "application/json", json.dumps(seen).encode()
        else:
            seen.append({"path": self.path, "cookie": self.headers.get("Cookie")})
            kind, body = "text/html", b"<!doctype html><title>free GPUs</title><body>Welcome"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
http.server.ThreadingHTTPServer((place.hostname, place.port), Hostile).serve_forever()
"""
CONFIG = f"""
c.JupyterHub.authenticator_class = 'dummy'
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{'root'}}
c.DummyAuthenticator.password = 'secret'
def hostile(spawner):
    if spawner.user.name == 'mallory':
        spawner.cmd = ['python', '-c', {HOSTILE!r}]
c.Spawner.pre_spawn_hook = hostile
"""
TAKEOVER = """
async () => {
  // A file of the Hub's in a frame: its document has the cookies of the Hub's path.
  const frame = document.createElement('iframe');
  frame.src = '/hub/static/favicon.ico';
  document.body.append(frame);
  await new Promise((loaded) => { frame.onload = loaded; });
  const found = /_xsrf=([^;]+)/.exec(frame.contentDocument.cookie);
  const answer = await fetch('/hub/api/users/root/tokens', {
    method: 'POST', headers: {'X-XSRFToken': found[1], 'Content-Type': 'application/json'}, body: '{}',
  });
  return [answer.status, await answer.json()];
}
"""
SEND = """
async ([url, options]) => {
  try { const answer = await fetch(url, options); return `${answer.type} ${answer.status}`; }
  catch (error) { return 'failed'; }
}
"""
FRAME = """
async (url) => {
  const frame = document.createElement('iframe');
  frame.src = url;
  document.body.append(frame);
  await new Promise((done) => { frame.onload = done; setTimeout(done, 5000); });
  try { return frame.contentDocument === null ? 'out of reach' : frame.contentDocument.body.innerText; }
  catch (error) { return 'out of reach'; }
}
"""
POPUP = """
async (url) => {
  const opened = window.open(url);
  await new Promise((done) => setTimeout(done, 1500));
  try { return opened.document.body.innerText; } catch (error) { return error.name; }
}
"""
SOCKET = """
(url) => new Promise((done) => {
  const socket = new WebSocket(url);
  socket.onopen = () => done('open');
  socket.onerror = () => done('failed');
})
"""
FORM = """
(url) => {
  const form = document.createElement('form');
  form.method = 'post';
  form.action = url;
  document.body.append(form);
  form.submit();
}
"""


@dataclass
class Scene:
    """The visitor's browser, and the page that mallory made them open."""

    platform: Platform
    context: BrowserContext
    page: Page
    token: str
    lure: str

    def holdings(self) -> Any:
        """What the visitor has: tokens, servers, jobs."""
        with self.platform.hub(self.token) as hub, self.platform.service(self.token) as service:
            tokens = {token["id"] for token in hub.get("/users/root/tokens").json()["api_tokens"]}
            servers = sorted(hub.get("/users/root").json()["servers"])
            jobs = [job["id"] for job in service.get("/jobs").json()["items"]]
        return tokens, servers, jobs

    async def cookies(self) -> Any:
        return sorted(
            (cookie["domain"], cookie["path"], cookie["name"], cookie["value"])
            for cookie in await self.context.cookies()
            if "mallory" not in cookie["domain"]
        )


def started(platform: Platform) -> Iterator[Platform]:
    """With mallory's server running."""
    try:
        platform.start()
        with platform.browser() as hers:
            platform.log_in(hers, "mallory", "secret")
        platform.start_notebook(platform.token("mallory", "secret"), "mallory", machine="small")
        yield platform
    finally:
        platform.end()


@pytest.fixture(scope="module")
def separate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    yield from started(Platform(tmp_path_factory.mktemp("separate") / "home", config=CONFIG))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    home = tmp_path_factory.mktemp("shared") / "home"
    yield from started(Platform(home, config=CONFIG, OUTRIDER_SAME_ORIGIN="accept"))


async def lured(platform: Platform, browser: Browser) -> Scene:
    context = await browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    home = platform.pages
    await page.goto(f"{home}/hub/login?next=/hub/home")
    await page.locator("#username_input").fill("root")
    await page.locator("#password_input").fill("secret")
    await page.locator("#login_submit").click()
    await page.wait_for_url("**/hub/home")
    await page.goto(f"{home}/services/outrider/jobs")
    token = platform.token("root", "secret")
    with platform.hub(token) as hub:
        url = hub.get("/users/mallory").json()["servers"][""]["url"]
    return Scene(platform, context, page, token, str(httpx.URL(home).join(url)))


@pytest_asyncio.fixture
async def scene(separate: Platform, browser: Browser) -> AsyncIterator[Scene]:
    made = await lured(separate, browser)
    separate.start_notebook(made.token, "root", machine="small")
    await made.page.goto(f"http://root.localhost:{separate.port}/user/root/lab")
    await made.page.wait_for_url("**/user/root/lab**")
    yield made
    await made.context.close()
    separate.stop_notebook(made.token, "root")


async def test_with_the_origin_shared_one_visit_gives_the_account_away(shared: Platform, browser: Browser) -> None:
    """The control: the attack is a real one."""
    scene = await lured(shared, browser)
    await scene.page.goto(scene.lure)
    status, token = await scene.page.evaluate(TAKEOVER)
    assert status == 201
    with shared.hub(token["token"]) as hub:
        assert hub.get("/users").status_code == 200, "with an admin's scopes"
    await scene.context.close()


async def test_a_hostile_notebook_cannot_act_as_its_visitor(scene: Scene) -> None:
    home, page, port = scene.platform.pages, scene.page, scene.platform.port
    before, cookies = scene.holdings(), await scene.cookies()
    await page.goto(scene.lure)
    assert page.url == f"http://mallory.localhost:{port}/user/mallory/"

    # Cookies: none can be read, none can be set for anybody else.
    assert await page.evaluate("document.cookie") == ""
    for name in ("_xsrf", "jupyterhub-hub-login", "jupyterhub-session-id", "service-outrider", "jupyterhub-user-root"):
        for path in ("/", "/hub/", "/services/outrider/", "/user/root/"):
            for domain in ("localhost", ".localhost", "root.localhost"):
                await page.evaluate("(text) => { document.cookie = text; }", f"{name}=x; Domain={domain}; Path={path}")
    assert await scene.cookies() == cookies

    # Requests with whatever the browser adds to them.
    sent: list[Any] = []
    page.on("request", lambda request: sent.append(request))
    job = '{"command": "id", "machine": "small"}'
    lab = f"http://root.localhost:{port}/user/root/"
    for url in (f"{home}/hub/api/user", f"{home}/services/outrider/api/v1/me", f"{lab}api/contents"):
        said = await page.evaluate(SEND, [url, {"credentials": "include"}])
        assert said == "failed"
        assert (await page.evaluate(SEND, [url, {"credentials": "include", "mode": "no-cors"}])).startswith("opaque")
    for url, body in (
        (f"{home}/hub/api/users/root/tokens", "{}"),
        (f"{home}/services/outrider/api/v1/jobs", job),
        (f"{lab}api/terminals", "{}"),
    ):
        options = {"method": "POST", "credentials": "include", "mode": "no-cors", "body": body}
        await page.evaluate(SEND, [url, options])
    assert len(sent) >= 9
    for request in sent:
        assert "cookie" not in await request.all_headers(), request.url

    # Documents and connections.
    for url in (f"{home}/hub/token", f"{home}/services/outrider/jobs", f"{lab}lab"):
        assert await page.evaluate(FRAME, url) == "out of reach"
        assert await page.evaluate(POPUP, url) in ("SecurityError", "TypeError")
    for url in (f"{lab}api/events/subscribe", f"{home}/services/outrider/api/v1/stream"):
        assert await page.evaluate(SOCKET, url.replace("http", "ws", 1)) == "failed"

    # Forms, which take the visitor along.
    for path in ("/hub/spawn/root/sneaky", "/hub/outrider/stop", "/hub/logout", "/hub/api/users/root/tokens"):
        await page.goto(scene.lure)
        async with page.expect_navigation() as arrived:
            await page.evaluate(FORM, home + path)
        answer = await arrived.value
        assert answer is not None and answer.status == 403, path
    await page.goto(scene.lure)
    await page.evaluate("(url) => { location.href = url; }", f"{home}/hub/logout")
    await page.get_by_role("heading", name="Log out?").wait_for()

    assert scene.holdings() == before
    await page.goto(f"{home}/hub/home")
    assert "/hub/home" in page.url, "still logged in"
    with client(scene.lure) as hers:
        for request in hers.get("seen").json():
            assert request["cookie"] is None or "jupyterhub" not in request["cookie"], request


async def test_the_hubs_login_is_never_on_a_notebooks_host(scene: Scene) -> None:
    port = scene.platform.port
    await scene.context.clear_cookies()
    await scene.page.goto(f"http://mallory.localhost:{port}/hub/login")
    assert scene.page.url.startswith(f"http://localhost:{port}/hub/login")
    assert await scene.page.locator("#password_input").count() == 1
    with client(f"http://mallory.localhost:{port}") as program:
        assert program.get("/hub/api/users").status_code == 421
        assert program.post("/hub/login", data={"username": "root", "password": "secret"}).status_code == 421


async def test_logging_out_ends_the_notebooks_login_too(scene: Scene) -> None:
    page, home = scene.page, scene.platform.pages
    session = {cookie["name"]: cookie for cookie in await scene.context.cookies()}["jupyterhub-session-id"]
    assert session["domain"] == "localhost", "of the Hub's host alone, not of all below it"
    await page.goto(f"{home}/hub/home")
    with scene.platform.hub(scene.token) as hub:

        def logins() -> int:
            tokens = hub.get("/users/root/tokens").json()["api_tokens"]
            return sum(token["session_id"] == session["value"] for token in tokens)

        assert logins() >= 2
        await page.get_by_role("link", name="Log out").click()
        await page.locator("#password_input").wait_for()
        assert logins() == 0
    await page.goto(f"{home}/hub/home")
    assert "/hub/login" in page.url
