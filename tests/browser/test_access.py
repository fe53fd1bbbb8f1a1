"""Who may see the pages, what they may load, and what another page on the same host cannot do with the login."""

from typing import Any

import httpx
import pytest
import websockets


@pytest.fixture(scope="module")
def person(platform: Any) -> Any:
    """Somebody's browser without its protections: what it sends is up to the test."""
    with platform.browser() as browser:
        platform.log_in(browser, "admin", platform.password)
        assert browser.get("/services/outrider/").status_code == 200
        yield browser


def cookie(person: Any, name: Any) -> Any:
    return next(c for c in person.cookies.jar if c.name == name and c.path.startswith("/services"))


def test_nobody_sees_a_page_without_a_login(platform: Any) -> None:
    for path in ("", "jobs", "jobs/j000000000000"):
        answer = httpx.get(f"{platform.pages}/services/outrider/{path}")
        assert answer.status_code == 302
        assert "/hub/api/oauth2/authorize" in answer.headers["location"]


def test_pages_come_with_a_strict_policy(person: Any) -> None:
    for path, status in (("", 200), ("jobs", 200), ("jobs/anything/log", 200), ("elsewhere", 404)):
        answer = person.get(f"/services/outrider/{path}")
        assert answer.status_code == status
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "<script>" not in answer.text


def test_scripts_are_kept_and_pages_are_not(person: Any) -> None:
    import re

    page = person.get("/services/outrider/").text
    script = re.search(r'src="\./(assets/[^"]+\.js)"', page)[1]  # type: ignore[index]
    answer = person.get(f"/services/outrider/static/{script}")
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert person.get("/services/outrider/static/../handlers.py").status_code == 404
    assert person.get("/services/outrider/static/%2e%2e/handlers.py").status_code in (403, 404)


def test_the_login_is_out_of_reach_of_scripts(person: Any) -> None:
    assert cookie(person, "service-outrider").has_nonstandard_attr("HttpOnly")
    assert cookie(person, "service-outrider").value not in person.get("/services/outrider/").text


def test_a_request_by_cookie_needs_the_anti_forgery_header(person: Any) -> None:
    address = "/services/outrider/api/v1/jobs"
    body = {"command": "true"}
    assert person.post(address, json=body).status_code == 401
    assert person.post(address, json=body, headers={"X-XSRFToken": "guessed"}).status_code == 401
    foreign = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
    assert person.get(address, headers=foreign).status_code == 401
    own = {**foreign, "X-XSRFToken": cookie(person, "_xsrf").value}
    assert person.get(address, headers=own).status_code == 200


async def test_the_stream_by_cookie_needs_the_anti_forgery_token(platform: Any, person: Any) -> None:
    address = f"{platform.pages.replace('http', 'ws', 1)}/services/outrider/api/v1/stream"
    cookies = "; ".join(f"{c.name}={c.value}" for c in person.cookies.jar if "/services/outrider/".startswith(c.path))
    headers = {"Cookie": cookies, "Sec-Fetch-Mode": "websocket"}
    for query in ("", "?_xsrf=guessed"):
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with websockets.connect(address + query, additional_headers=headers):
                pass
        assert refused.value.response.status_code == 403
    token = cookie(person, "_xsrf").value
    async with websockets.connect(f"{address}?_xsrf={token}", additional_headers=headers) as socket:
        await socket.send('{"id": 1, "subscribe": "jobs"}')
        assert '"event":"jobs"' in await socket.recv()
    # Another site's page, with the cookie that the browser would send along and even the token.
    with pytest.raises(websockets.InvalidStatus):
        async with websockets.connect(
            f"{address}?_xsrf={token}", additional_headers={**headers, "Origin": "https://elsewhere.example"}
        ):
            pass


async def test_a_program_needs_only_its_token_for_the_stream(platform: Any) -> None:
    address = f"{platform.pages.replace('http', 'ws', 1)}/services/outrider/api/v1/stream"
    headers = {"Authorization": f"token {platform.token()}"}
    async with websockets.connect(address, additional_headers=headers) as socket:
        await socket.send('{"id": 1, "subscribe": "jobs"}')
        assert '"event":"jobs"' in await socket.recv()
