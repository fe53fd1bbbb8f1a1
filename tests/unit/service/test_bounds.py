"""What must stay small however long the service runs, and keys that must never be weak."""

from __future__ import annotations

import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from outrider_service import signals
from outrider_service.accounting.budgets import Budgets
from outrider_service.auth import Caller
from outrider_service.backends.base import Address
from outrider_service.backends.local.wake import Wakes
from outrider_service.capacity.room import Room
from outrider_service.catalog import ConfiguredCatalog
from outrider_service.catalog.configured import CatalogFile
from outrider_service.catalog.selection import RequestRefused
from outrider_service.db import Database
from outrider_service.db.engine import migrate
from outrider_service.endpoints.proxy import KEPT_SESSIONS, Proxy
from outrider_service.notebooks.leasing import Spawns
from outrider_service.schema.jobs import LARGEST_START, Submission
from outrider_service.schema.resources import SpawnRequest
from outrider_service.service import kept_key
from outrider_service.signals import Signals


async def test_signals_of_topics_that_are_over_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "MOST_TOPICS", 100)
    board = Signals()
    board.send("old")
    seen, never = board.value("old"), board.value("never sent")
    for number in range(1000):
        board.send(f"job/{number}")
    assert len(board._sent) == 100
    # Whoever waits across the forgetting is woken rather than left.
    board.send("old")
    assert await board.wait("old", seen, 5) != seen
    assert await board.wait("never sent", never, 5) != never
    current = board.value("old")
    assert await board.wait("old", current, 0.01) == current


async def test_idle_connections_are_few_and_used_ones_are_left_alone() -> None:
    proxy = Proxy()
    used = Address(host="127.0.0.1", port=1)
    async with proxy._session(used) as session:
        for port in range(2, KEPT_SESSIONS * 3):
            async with proxy._session(Address(host="127.0.0.1", port=port)):
                pass
        assert not session.closed
        assert len(proxy._sessions) == KEPT_SESSIONS + 1
    await proxy.close()
    assert session.closed


@pytest.mark.parametrize("damage", [b"", b"short"])
def test_a_key_that_a_power_failure_spoilt_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "endpoints.key"
    path.write_bytes(damage)
    key = kept_key(path)
    assert len(key) == 32
    assert kept_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["endpoints.key"]


async def test_the_wake_up_socket_lies_in_the_state_directory_however_deep(tmp_path: Path) -> None:
    run = tmp_path / ("deep" * 30) / ("er" * 30)
    run.mkdir(parents=True)
    wakes = Wakes(run)
    wakes.open()
    assert stat.S_IMODE((run / "notify.sock").stat().st_mode) == 0o600
    wakes.close()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"params": {"a": "x\0y"}}, "NUL"),
        ({"env": {"A": "🚀" * 40_000}}, "64 KiB"),
        ({"command": "ä" * 40_000}, "64 KiB"),
        ({"env": {f"A{n}": "x" * 60_000 for n in range(6)}}, f"{LARGEST_START >> 10} KiB"),
        ({"workspace": {"type": "git", "url": "https://ghp_token@github.com/a/b"}}, "token"),
        ({"workspace": {"type": "git", "url": "https://x:y@github.com/a/b"}}, "token"),
    ],
)
def test_what_no_process_could_be_given_or_no_record_should_show(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Submission.model_validate({"command": "true", **fields})


def test_ssh_addresses_name_a_user() -> None:
    Submission.model_validate({"command": "true", "workspace": {"type": "git", "url": "ssh://git@github.com/a/b"}})


READ = "custom:outrider:jobs:read"


def test_a_token_covers_what_its_scopes_name_and_no_more() -> None:
    narrow = Caller("alice", "user", False, ("team",), frozenset({f"{READ}!server=alice/x"}))
    assert not narrow.may(READ, "alice")
    assert narrow.groups_with(READ) == ()
    lead = Caller("lead", "user", False, ("other",), frozenset({f"{READ}!group=team"}))
    assert lead.groups_with(READ) == ("team",)
    assert not lead.may(READ, "lead")
    member = Caller("alice", "user", False, ("team",), frozenset({f"{READ}!user=alice"}))
    assert member.groups_with(READ) == ("team",)


async def test_a_notebooks_gpus_count_as_those_of_a_job(tmp_path: Path) -> None:
    migrate(url := f"sqlite:///{tmp_path}/db")
    known = ConfiguredCatalog(
        CatalogFile.model_validate(
            {
                "images": [{"name": "python"}],
                "machines": [{"name": "gpu", "cpu": 1, "memory_mb": 64, "gpu": 1}],
                "limits": {"default": {"max_gpus": 1}, "group:team": {"max_gpus": 1}},
            }
        )
    )
    backend: Any = SimpleNamespace(refusal=lambda _: None)
    room = Room(8, 8000, {f"u{n}": "GPU" for n in range(8)})
    db = Database(url)
    spawns = Spawns(db, known, {"default": backend}, {"default": room}, "/", Budgets(db, known), 3600, lambda _: None)

    async def ask(name: str, server: str, **wanted: str) -> None:
        await spawns.acquire(Caller(name, "user", False, (), frozenset()), server, SpawnRequest(**wanted))  # type: ignore[arg-type]

    await ask("alice", "a")
    await ask("alice", "a")
    with pytest.raises(RequestRefused, match="you may use 1"):
        await ask("alice", "b")
    await ask("bob", "", group="team")
    with pytest.raises(RequestRefused, match="the group team may use 1"):
        await ask("carol", "", group="team")
    await db.close()
