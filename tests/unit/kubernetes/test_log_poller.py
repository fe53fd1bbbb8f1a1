"""Logs on the volume that many follow: who is told, and of what."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from outrider_service.backends.kubernetes import log_poller
from outrider_service.backends.kubernetes.log_poller import LogPoller

PATIENCE_S = 10


class Told:
    """Counts what is told of each topic."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def __call__(self, topic: str) -> None:
        self.counts[topic] = self.counts.get(topic, 0) + 1

    async def times(self, topic: str, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.counts.get(topic, 0) < count:
                await asyncio.sleep(0.01)
        assert self.counts[topic] == count


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write(text)


async def test_each_is_told_of_once_and_then_when_it_grows(tmp_path: Path) -> None:
    told = Told()
    watched = LogPoller(told)
    write(tmp_path / "a" / "0.log", "first\n")
    with watched.followed(tmp_path / "a", 0, "a"), watched.followed(tmp_path / "b", 1, "b"):
        # What is there before the first look is told of, and a folder that is not there yet is no trouble.
        await told.times("a", 1)
        await told.times("b", 1)
        write(tmp_path / "a" / "0.log", "second\n")
        await told.times("a", 2)
        write(tmp_path / "b" / "1.log", "begins\n")
        await told.times("b", 2)
        # Where the image has no Python.
        write(tmp_path / "b" / "1.raw", "as it was printed\n")
        await told.times("b", 3)
        # Another node's.
        write(tmp_path / "b" / "0.log", "not followed\n")
        write(tmp_path / "a" / "0.log", "third\n")
        await told.times("a", 3)
        assert told.counts["b"] == 3


async def test_nothing_is_looked_at_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, looked = Told(), []
    sizes = log_poller.sizes  # type: ignore[attr-defined]
    monkeypatch.setattr(log_poller, "sizes", lambda folder, node: looked.append(folder) or sizes(folder, node))  # type: ignore[func-returns-value]
    watched = LogPoller(told)
    with watched.followed(tmp_path / "left", 0, "left"):
        await told.times("left", 1)
    with watched.followed(tmp_path / "stays", 0, "stays"):
        await told.times("stays", 1)
        looked.clear()
        write(tmp_path / "stays" / "0.log", "line\n")
        await told.times("stays", 2)
        assert set(looked) == {tmp_path / "stays"}
    # Nor is there a task left that would look.
    async with asyncio.timeout(PATIENCE_S):
        while any(task.get_name() == "log-growth" for task in asyncio.all_tasks()):
            await asyncio.sleep(0.01)


async def test_the_silent_are_looked_at_less_and_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, looked = Told(), []
    monkeypatch.setattr(log_poller, "sizes", lambda folder, node: looked.append(folder) or (0, 0))  # type: ignore[func-returns-value]
    monkeypatch.setattr(log_poller, "TICK_S", 0.001)
    watched = LogPoller(told)
    with watched.followed(tmp_path, 0, "silent"):
        await told.times("silent", 1)
        async with asyncio.timeout(PATIENCE_S):
            while len(looked) < 25:
                await asyncio.sleep(0.001)
        (log,) = watched._logs
        assert log.pause > 100 * log_poller.TICK_S
    assert told.counts == {"silent": 1}


async def test_what_a_job_puts_there_neither_blocks_nor_breaks_it(tmp_path: Path) -> None:
    told = Told()
    watched = LogPoller(told)
    (tmp_path / "elsewhere").write_text("somebody's")
    for name in ("pipe", "link", "folder"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "pipe" / "0.log")
    (tmp_path / "link" / "0.log").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "folder" / "0.log").mkdir()
    (tmp_path / "file").write_text("no folder")
    with contextlib.ExitStack() as stack:
        for name in ("pipe", "link", "folder", "file", "good"):
            stack.enter_context(watched.followed(tmp_path / name, 0, name))
            await told.times(name, 1)
        write(tmp_path / "elsewhere", "more of it")
        write(tmp_path / "good" / "0.log", "line\n")
        await told.times("good", 2)
        assert told.counts == {"pipe": 1, "link": 1, "folder": 1, "file": 1, "good": 2}
