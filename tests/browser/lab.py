"""JupyterLab as a person has it before them: a server that the Hub started, files to work on, a page in the browser."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import httpx
from playwright.async_api import Page, expect

from tests.browser.conftest import until
from tests.integration.hub.platform_process import Platform, client

TITLE = "Run as Job"
PARAMETERS = 'steps = 1000\nlr = 0.1  # rate\nname = "first"\nfast = False'
TRAIN = """
import json, math, time
for step in range(steps):
    print(json.dumps({"chart": "loss", "x": step, "y": lr + 2 / (1 + step)}))
    print("step", step, "of many", flush=True)
    time.sleep(0.1)
"""
_workspaces = itertools.count(1)


class Files:
    """The server's files, as a program would put them there."""

    def __init__(self, http: httpx.Client) -> None:
        """``http``: at the server's ``api/contents/``, with a token."""
        self.http = http

    def folder(self, path: str) -> None:
        self._put(path, {"type": "directory"})

    def text(self, path: str, content: str) -> None:
        self._put(path, {"type": "file", "format": "text", "content": content})

    def notebook(self, path: str, *sources: str, parameters: str | None = None) -> None:
        cells = [] if parameters is None else [_cell("parameters", parameters, ["parameters"])]
        cells += [_cell(f"cell-{number}", source) for number, source in enumerate(sources)]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        content = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
        self._put(path, {"type": "notebook", "format": "json", "content": content})

    def read(self, path: str) -> Any:
        """What is in the file; None while it is being written."""
        answer = self.http.get(path)
        return answer.json()["content"] if answer.status_code == 200 else None

    def exists(self, path: str) -> bool:
        return self.http.get(path, params={"content": 0}).status_code == 200

    def _put(self, path: str, model: dict[str, Any]) -> None:
        answer = self.http.put(path, json=model)
        assert answer.status_code in (200, 201), answer.text


def _cell(identity: str, source: str, tags: list[str] | None = None) -> dict[str, Any]:
    metadata = {"tags": tags} if tags else {}
    return {
        "cell_type": "code",
        "id": identity,
        "metadata": metadata,
        "source": source.strip(),
        "outputs": [],
        "execution_count": None,
    }


class LabServer:
    """A running notebook server: its address, and its files."""

    def __init__(self, platform: Platform, token: str) -> None:
        self.url = platform.start_notebook(token, machine="small")
        self.files = Files(client(f"{self.url}api/contents/", token))
        self.files.folder("work")

    def choose_theme(self, name: str) -> None:
        """For pages that are opened afterwards."""
        setting = f"{self.url}lab/api/settings/@jupyterlab/apputils-extension:themes"
        answer = self.files.http.put(setting, json={"raw": json.dumps({"theme": name})})
        assert answer.status_code == 204, answer.text

    def address(self, path: str = "", workspace: str = "") -> str:
        """Lab with a file open, in a workspace where nothing else is."""
        name = workspace or f"test-{next(_workspaces)}"
        return f"{self.url}lab/workspaces/{name}{f'/tree/{path}' if path else ''}"


def serve(platform: Platform) -> Iterator[LabServer]:
    """For a fixture: starts a server and stops it in the end, so that its room is there for others."""
    token = platform.token()
    try:
        yield LabServer(platform, token)
    finally:
        platform.stop_notebook(token)


async def ready(page: Page) -> None:
    """Lab has put everything in its place."""
    await expect(page.locator("#jupyterlab-splash")).to_have_count(0)
    await expect(page.locator("#jp-main-dock-panel")).to_be_visible()
    await expect(page.locator(".jp-Outrider-statusButton")).to_be_visible()


async def open_panel(page: Page) -> Any:
    """The list of jobs on the left."""
    panel = page.get_by_role("region", name="Outrider jobs")
    if not await panel.is_visible():
        await page.get_by_role("tab", name="Outrider jobs").click()
    await expect(panel.get_by_role("searchbox")).to_be_visible()
    return panel


async def press_until(page: Page, keys: str, shown: Any) -> None:
    """Shortcuts hold only once Lab has read its settings, and nothing on the page tells when that is."""

    async def pressed() -> bool:
        if not await shown.is_visible():
            await page.keyboard.press(keys)
        return bool(await shown.is_visible())

    await until(f"{keys} shows something", pressed)


async def ask_for_job(page: Page) -> Any:
    """Presses the button of the document in front; the dialog."""
    await page.get_by_role("button", name=TITLE).locator("visible=true").click()
    dialog = page.get_by_role("dialog", name="Run ")
    await expect(dialog.get_by_text("free now").first).to_be_visible()
    return dialog


async def send(page: Page, dialog: Any) -> str:
    """Sends the form; the job's id."""
    async with page.expect_response(lambda answer: answer.url.endswith("/outrider/submit")) as answered:
        await dialog.get_by_role("button", name="Run job").click()
    answer = await answered.value
    made = json.loads(await answer.text())
    assert answer.status == 201, made
    await expect(dialog).to_be_hidden()
    return str(made["id"])
