"""Following a job: the same messages in the same order, whoever reads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import orjson

from outrider_service.api import follow as following
from outrider_service.api.follow import Message, follow, timeline
from outrider_service.jobs.model import JobRecord
from outrider_service.schema.jobs import Reason, Status
from outrider_service.signals import Signals
from tests.unit.service.test_database import job

RUNNING = replace(job(1), status=Status.RUNNING)
ENDED = replace(RUNNING, status=Status.FAILED, reason=Reason.EXITED, exit_code=3)


class Jobs:
    """A job's successive states, and its timeline."""

    def __init__(self, *states: JobRecord | None, events: int = 0) -> None:
        self.signals = Signals()
        self.states = list(states)
        self.rows: list[dict[str, Any]] = [
            {"id": n, "time": 0.0, "attempt": 1, "type": "started", "message": "m"} for n in range(1, events + 1)
        ]

    async def job(self, _: str) -> JobRecord | None:
        return self.states.pop(0)

    async def events(self, _: str, after: int, limit: int) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["id"] > after][:limit]

    def change(self) -> None:
        self.signals.send(f"job/{RUNNING.id}")


class Reader:
    """Keeps what is sent. ``sees``: how many times it is still allowed to see the job."""

    def __init__(self, sees: int = 10**9) -> None:
        self.got: list[tuple[str, Any]] = []
        self.sees = sees
        self.idle = 0

    async def send(self, message: Message) -> None:
        self.got.append((message.event, message.last or orjson.loads(message.data)))

    async def keep_alive(self) -> None:
        self.idle += 1

    async def may_see(self, _: JobRecord) -> bool:
        self.sees -= 1
        return self.sees >= 0


async def followed(jobs: Jobs, news: following.News, reader: Reader) -> list[tuple[str, Any]]:
    service: Any = SimpleNamespace(reads=jobs)
    await follow(service, RUNNING.id, news, reader)
    return reader.got


async def nothing(_: JobRecord) -> AsyncIterator[Message]:
    no_messages: tuple[Message, ...] = ()
    for message in no_messages:
        yield message


GONE = ("end", {"status": "deleted", "reason": None, "exit_code": None})


async def test_a_long_timeline_is_sent_whole_before_the_end(monkeypatch: Any) -> None:
    monkeypatch.setattr(following, "EVENTS_EACH_TIME", 3)
    jobs = Jobs(ENDED, events=10)
    service: Any = SimpleNamespace(reads=jobs)
    got = await followed(jobs, timeline(service, 2), Reader())
    assert [last for event, last in got if event == "timeline"] == list(range(3, 11))
    assert got[-1] == ("end", {"status": "failed", "reason": "exited", "exit_code": 3})


async def test_what_comes_later_is_sent_once(monkeypatch: Any) -> None:
    jobs = Jobs(RUNNING, ENDED, events=1)

    class Later(Reader):
        async def send(self, message: Message) -> None:
            await super().send(message)
            if message.last == 1:
                jobs.rows.append({**jobs.rows[0], "id": 2})
                jobs.change()

    service: Any = SimpleNamespace(reads=jobs)
    got = await followed(jobs, timeline(service, 0), Later())
    assert [last for event, last in got if event == "timeline"] == [1, 2]


async def test_a_deleted_job_ends_the_stream() -> None:
    for state in (None, replace(RUNNING, desired="delete")):
        assert await followed(Jobs(state), nothing, Reader()) == [GONE]


async def test_who_may_no_longer_see_the_job_gets_no_further_message() -> None:
    jobs = Jobs(RUNNING, events=5)
    service: Any = SimpleNamespace(reads=jobs)
    got = await followed(jobs, timeline(service, 0), Reader(sees=3))
    assert got == [("timeline", 1), ("timeline", 2), GONE]


async def test_a_quiet_connection_is_kept_alive(monkeypatch: Any) -> None:
    monkeypatch.setattr(following, "KEEP_ALIVE_S", 0.01)
    jobs = Jobs(RUNNING, ENDED)

    class Waits(Reader):
        async def keep_alive(self) -> None:
            await super().keep_alive()
            if self.idle == 2:
                jobs.change()

    reader = Waits()
    assert [event for event, _ in await followed(jobs, nothing, reader)] == ["end"]
    assert reader.idle == 2
