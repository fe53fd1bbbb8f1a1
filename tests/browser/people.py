"""Several people on one platform: an admin (root), somebody in a group (ann), and whoever else logs in."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
import yaml
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.integration.hub.platform_process import Platform
from tests.integration.registry.server import Registry, program, running

PATIENCE_MS = 30_000
NUMBERS = itertools.count(1)
CONFIG = """
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {"root"}
c.DummyAuthenticator.password = "secret"
c.JupyterHub.load_groups = {"vision": {"users": ["ann"]}}
"""
CATALOG: dict[str, Any] = {
    "images": [
        {
            "name": "outrider/python",
            "title": "Python",
            "icon": "Py",
            "description": "JupyterLab with NumPy, pandas and scikit-learn",
        },
        {
            "name": "outrider/pytorch",
            "title": "PyTorch",
            "icon": "PT",
            "description": "PyTorch, torchvision and Lightning",
        },
        {
            "name": "outrider/old",
            "title": "Last year's course",
            "description": "Kept for those who still need it",
            "environment": "/opt/course-2025",
        },
    ],
    "machines": [
        {
            "name": "small",
            "title": "Small",
            "description": "For notebooks and first tries",
            "cpu": 0.5,
            "memory_mb": 1024,
            "price_per_hour": 0.18,
        },
        {
            "name": "large",
            "title": "Large",
            "description": "For larger data",
            "cpu": 4,
            "memory_mb": 4096,
            "price_per_hour": 1.4,
            "max_age_s": 21600,
        },
        {"name": "lab", "title": "The group's own", "cpu": 1, "memory_mb": 2048, "groups": ["vision"]},
        {"name": "giant", "title": "Giant", "cpu": 1000, "memory_mb": 8192, "price_per_hour": 20},
    ],
    "limits": {"default": {}},
    "local": {"cpu": 4, "memory_mb": 8192},
}


@pytest.fixture(scope="session")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    if program() is None:
        pytest.skip("docker-registry is not installed (Debian: apt-get install docker-registry)")
    with running(tmp_path_factory.mktemp("private"), login=True) as found:
        found.image("team/secret", "1")
        yield found


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory, registry: Registry, private: Registry) -> Iterator[Platform]:
    """A platform with several people: what is somebody's own is seen by nobody else."""
    folder = tmp_path_factory.mktemp("spawn")
    registry.image("team/tools", "1", Env=["CUDA_VERSION=12.4.1"])
    registry.image("team/arm", "1", "arm64")
    made = Platform(folder / "home", config=CONFIG, OUTRIDER_REGISTRIES=f"{registry.allowed} {private.allowed}")
    (made.home / "catalog.yaml").write_text(yaml.safe_dump(CATALOG))
    yield made.start()
    made.end()


@pytest.fixture
def newcomer() -> str:
    """Somebody who has done nothing yet, in a second try neither."""
    return f"newcomer-{next(NUMBERS)}"


As = Callable[..., Awaitable[Page]]


def complains(said: ConsoleMessage) -> bool:
    """A refusal that the page then shows is none."""
    return said.type in ("error", "warning") and "status of 4" not in said.text


@pytest_asyncio.fixture
async def as_person(browser: Browser, hub: Platform) -> AsyncIterator[As]:
    """Opens an address of the Hub's as somebody. Whatever the page complains of is a failure."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    async def opened(name: str, path: str = "/hub/spawn", **options: Any) -> Page:
        options = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce", **options}
        context = await browser.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = await context.new_page()
        await page.goto(f"{hub.pages}/hub/login?next={path}")
        await page.locator("#username_input").fill(name)
        await page.locator("#password_input").fill("secret")
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if complains(said) else None)
        await page.locator("#login_submit").click()
        # The address of the form ends with the same words: whoever goes on too early types into the form.
        await page.wait_for_url(lambda url: "/hub/login" not in url and url.endswith(path))
        return page

    yield opened
    for context in contexts:
        await context.close()
    assert complaints == []
