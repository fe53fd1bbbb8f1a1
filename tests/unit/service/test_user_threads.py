"""Each user has a share of the threads: nobody's work waits for what another's holds."""

from __future__ import annotations

import asyncio
import io
import os
import threading
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import outrider_service
from outrider_service.seats import TooMany
from outrider_service.storage import disk
from outrider_service.storage.trees import Tree
from outrider_service.telemetry import journal as journal_module
from outrider_service.telemetry.journal import Journal
from outrider_service.telemetry.lines import parse
from outrider_service.user_threads import Abandoned, UserThreads, check

T = b"1732170000.123456 "


@pytest.fixture
async def threads() -> AsyncIterator[UserThreads]:
    found = UserThreads(workers=6, each=2, most_waiting=3)
    yield found
    found.close()


class Gate:
    """Work that holds its thread until it is let go."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Semaphore(0)

    def pass_through(self) -> None:
        self.entered.release()
        assert self.open.wait(60)

    async def held(self, times: int) -> None:
        for _ in range(times):
            assert await asyncio.to_thread(self.entered.acquire, timeout=60)


async def settled(threads: UserThreads, **counts: int) -> None:
    async with asyncio.timeout(60):
        while threads.counts() != counts:
            await asyncio.sleep(0.005)


async def test_who_holds_their_share_waits_for_themselves_alone(threads: UserThreads) -> None:
    gate = Gate()
    mine = [asyncio.create_task(threads.run_on("mallory", gate.pass_through)) for _ in range(100)]
    await gate.held(2)
    assert threads.counts() == {"running": 2, "waiting": 98}
    assert [await threads.run(user, lambda: 1) for user in ("alice", "bob", "carol")] == [1, 1, 1]
    assert threads.running() == {"mallory": 2}
    gate.open.set()
    await asyncio.gather(*mine)
    await settled(threads, running=0, waiting=0)


async def test_users_who_wait_take_turns(threads: UserThreads) -> None:
    gate = Gate()
    holding = [asyncio.create_task(threads.run(user, gate.pass_through)) for user in ("a", "b", "c") for _ in range(2)]
    await gate.held(6)
    order: list[str] = []
    later = [asyncio.create_task(threads.run(user, order.append, user)) for user in ("x", "x", "x", "y", "z")]
    await asyncio.sleep(0)
    gate.open.set()
    await asyncio.gather(*holding, *later)
    assert set(order[:4]) >= {"x", "y"}, order


async def test_a_line_that_is_full_refuses_with_its_limit(threads: UserThreads) -> None:
    gate = Gate()
    mine = [asyncio.create_task(threads.run("mallory", gate.pass_through)) for _ in range(5)]
    await gate.held(2)
    with pytest.raises(TooMany, match="You have 3 requests waiting for the disk"):
        await threads.run("mallory", check)
    assert await threads.run("alice", lambda: 1) == 1
    gate.open.set()
    await asyncio.gather(*mine)


async def test_work_that_nobody_waits_for_ends(threads: UserThreads) -> None:
    entered, ended = threading.Event(), []

    def endless() -> None:
        entered.set()
        try:
            while True:
                check()
        except Abandoned:
            ended.append("running")
            raise

    tasks = [asyncio.create_task(threads.run("mallory", endless)) for _ in range(4)]
    await asyncio.to_thread(entered.wait, 60)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await settled(threads, running=0, waiting=0)
    assert len(ended) <= 2, "what waited never ran"


@pytest.mark.parametrize("error", [ValueError, StopIteration, MemoryError])
async def test_what_raises_gives_its_thread_back(threads: UserThreads, error: type[BaseException]) -> None:
    def fails() -> Any:
        raise error

    expected = RuntimeError if error is StopIteration else error
    for _ in range(20):
        future = asyncio.ensure_future(threads.run("mallory", fails))
        await asyncio.wait({future})
        assert isinstance(future.exception(), expected)
    assert threads.counts() == {"running": 0, "waiting": 0}


# -- what is done in them ---------------------------------------------------------------------------------------------


def journal_of(directory: Path, text: bytes, lines: int) -> Journal:
    journal = Journal(directory)
    for _ in range(lines // 10_000):
        journal.append(parse(T + text + b"\n" + (T + b"\n") * 9_999), 1, 0, "c")
    return journal


def test_a_search_ends_at_its_bound_on_lines_and_goes_on_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty lines have no bytes, and cost as well."""
    journal = journal_of(tmp_path, b"needle", 200_000)
    assert len(journal.search("NEEDLE", 0, 1000)[0]) == 20
    monkeypatch.setattr(journal_module, "MOST_SEARCHED_LINES", 50_000)
    position, rounds, found = 0, 0, 0
    while position < 200_000:
        lines, position = journal.search("needle", position, 1000)
        rounds, found = rounds + 1, found + len(lines)
    assert (found, rounds) == (20, 4)


def test_a_search_ends_at_its_bound_on_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = journal_of(tmp_path, b"needle", 200_000)
    monkeypatch.setattr(journal_module, "LONGEST_SEARCH_S", -1.0)
    _, looked = journal.search("needle", 0, 1000)
    assert looked == 0, "it says how far it came"


@pytest.mark.parametrize(("text", "needle"), [("Straße", "STRASSE"), ("ÄÖ", "äö"), ("\u212a", "k"), ("abc", "B")])
def test_a_search_finds_what_it_found_line_by_line(tmp_path: Path, text: str, needle: str) -> None:
    journal = Journal(tmp_path)
    journal.append(parse(T + b"x\n" + T + text.encode() + b"\n"), 1, 0, "c")
    expected = [2] if needle.lower() in text.lower() else []
    assert [line[0] for line in journal.search(needle, 0, 10)[0]] == expected


async def test_a_search_whose_client_left_ends(threads: UserThreads, tmp_path: Path) -> None:
    journal = journal_of(tmp_path, b"x", 10_000)
    began = threading.Event()

    class Endless(Journal):
        def _block(self, after: int, limit: int) -> Any:
            began.set()
            return super()._block(0, limit)

    endless = Endless(journal.directory)
    endless.checkpoint.lines = 2**40
    task = asyncio.create_task(threads.run("mallory", endless.search, "none", 0, 10))
    assert await asyncio.to_thread(began.wait, 60)
    task.cancel()
    await settled(threads, running=0, waiting=0)


async def test_a_zip_that_is_read_slowly_holds_no_thread(threads: UserThreads, tmp_path: Path) -> None:
    for n in range(5):
        (tmp_path / f"{n}.bin").write_bytes(os.urandom(1 << 20))
    blocks = Tree(tmp_path).zip_blocks("")
    data = await threads.run_on("mallory", next, blocks, b"") or b""
    assert threads.counts() == {"running": 0, "waiting": 0}, "between two blocks"
    while (block := await threads.run_on("mallory", next, blocks, None)) is not None:
        data += block
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == [f"{n}.bin" for n in range(5)]


async def test_a_tree_that_nobody_waits_for_is_measured_no_further(
    threads: UserThreads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    began = threading.Event()
    status = tmp_path.stat()

    def endless(_root: int) -> Iterator[os.stat_result]:
        began.set()
        while True:
            yield status

    monkeypatch.setattr(disk, "statuses", endless)
    task = asyncio.create_task(threads.run("mallory", disk.measure, tmp_path))
    assert await asyncio.to_thread(began.wait, 60)
    task.cancel()
    await settled(threads, running=0, waiting=0)


def test_asyncios_own_threads_do_no_work_of_users() -> None:
    """They are few and everybody's. What is listed here is the service's and its platforms' own."""
    own = {
        "__main__.py",  # migrations, before anybody is served
        "service.py",  # what a killed service left of uploads, likewise
        "backends/kubernetes/adoption.py",  # which run directories there are, once after an upgrade
        "backends/kubernetes/backend.py",  # the runner's installation, the names of run directories
        "backends/kubernetes/log_poller.py",  # sizes of logs, all at once
        "backends/local/backend.py",  # the names of run directories, a byte to a supervisor
    }
    root = Path(outrider_service.__file__).parent
    words = ("to_thread(", "run_in_executor(")
    found = {str(path.relative_to(root)) for path in root.rglob("*.py") if any(w in path.read_text() for w in words)}
    assert found <= own, found - own
