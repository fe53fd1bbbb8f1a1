"""What every platform's backend must do, as tests of one: import ``*`` into a test module that has the fixtures

    backend   the backend under test, open
    attempt   a function that makes an Attempt from a command (and changes to it)
    volume    the Directories of the platform's volume

The local platform's are in tests/integration/test_local_backend.py. What takes several machines is skipped on a
platform that gives a job one.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import zipfile
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest

from outrider_sandbox import short_path
from outrider_service.backends.base import Attempt, AttemptRef, Backend, BackendError, NotebookPlace, Observation, Phase
from outrider_service.catalog import ImageEntry, MachineType
from outrider_service.storage.directories import Directories
from outrider_service.telemetry.lines import parse
from outrider_service.telemetry.records import Record

DEADLINE_S = 60
Make = Callable[..., Attempt]


async def seen(backend: Backend, ref: AttemptRef, *phases: Phase) -> Observation:
    """The first observation in one of the phases."""
    async with asyncio.timeout(DEADLINE_S):
        while (found := await backend.observe(ref)).phase not in phases:
            await asyncio.sleep(0.05)
    return found


async def texts(backend: Backend, ref: AttemptRef, cursor: str | None = None, node: int = 0) -> list[str]:
    """All lines from the cursor to the end of the attempt."""
    found: list[str] = []
    async with asyncio.timeout(DEADLINE_S):
        async for piece in backend.follow_logs(ref, node, cursor):
            found += [text.decode() for text in parse(piece.data).texts]
    return found


async def records(backend: Backend, ref: AttemptRef) -> list[Record]:
    """All that the runner itself reports."""
    found: list[Record] = []
    async with asyncio.timeout(DEADLINE_S):
        async for piece in backend.follow_logs(ref, 0, None):
            found += [record for _, record in parse(piece.data).records]
    return found


def snapshot(volume: Directories, content: bytes) -> dict[str, str]:
    """An uploaded workspace, as a submission names it."""
    digest = hashlib.sha256(content).hexdigest()
    volume.snapshot(digest).write_bytes(content)
    return {"type": "snapshot", "id": f"sha256:{digest}"}


def zipped(files: dict[str, str]) -> bytes:
    """A zip of files; those that begin with ``#!`` are programs."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o100755 if text.startswith("#!") else 0o100644) << 16
            archive.writestr(entry, text)
    return content.getvalue()


async def removed(backend: Backend, ref: AttemptRef) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            await backend.remove(ref)
            if (await backend.observe(ref)).phase is Phase.ABSENT:
                return
            await asyncio.sleep(0.05)


async def test_an_unknown_attempt_is_absent_and_everything_about_it_is_harmless(
    backend: Backend, attempt: Make
) -> None:
    ref = attempt("true").ref
    assert (await backend.observe(ref)).phase is Phase.ABSENT
    await backend.stop(ref, 0)
    await backend.remove(ref)
    assert await texts(backend, ref) == []
    assert ref not in await backend.known()


async def test_an_attempt_runs_and_its_end_is_seen(backend: Backend, attempt: Make) -> None:
    wanted = attempt("echo one; echo two; exit 3")
    await backend.start(wanted)
    end = await seen(backend, wanted.ref, Phase.EXITED)
    assert end.exit_code == 3
    assert end.reason is None
    assert end.started_at is not None
    assert end.finished_at is not None
    assert end.started_at <= end.finished_at
    assert await texts(backend, wanted.ref) == ["one", "two"]
    assert wanted.ref in await backend.known()
    await removed(backend, wanted.ref)
    assert wanted.ref not in await backend.known()


async def test_starting_twice_runs_once(backend: Backend, attempt: Make) -> None:
    runs = f"/storage/runs-{uuid4()}"
    wanted = attempt(f"echo x >> {runs}; sleep 0.3; cat {runs}")
    await asyncio.gather(*(backend.start(wanted) for _ in range(3)))
    await backend.start(wanted)
    await seen(backend, wanted.ref, Phase.EXITED)
    await backend.start(wanted)
    assert await texts(backend, wanted.ref) == ["x"]
    await removed(backend, wanted.ref)


async def test_two_attempts_of_a_job_are_apart(backend: Backend, attempt: Make) -> None:
    first = attempt("echo first > /artifacts/a; echo first")
    second = attempt("cat /artifacts/a; echo second", ref=AttemptRef(first.ref.job_id, 2))
    await backend.start(first)
    await seen(backend, first.ref, Phase.EXITED)
    await backend.start(second)
    await seen(backend, second.ref, Phase.EXITED)
    assert await texts(backend, first.ref) == ["first"]
    assert await texts(backend, second.ref) == ["first", "second"]
    await removed(backend, first.ref)
    await removed(backend, second.ref)


async def test_a_log_is_followed_live_and_resumed_by_cursor(backend: Backend, attempt: Make) -> None:
    wanted = attempt("for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done")
    await backend.start(wanted)
    await seen(backend, wanted.ref, Phase.RUNNING, Phase.EXITED)
    found: list[str] = []
    cursor = None
    stream: AsyncIterator[Any] = backend.follow_logs(wanted.ref, 0, None)
    async with asyncio.timeout(DEADLINE_S):
        async for piece in stream:
            found += [text.decode() for text in parse(piece.data).texts]
            cursor = piece.cursor
            if len(found) >= 3:
                break
    assert await texts(backend, wanted.ref, cursor) == [str(n) for n in range(len(found) + 1, 7)]
    await removed(backend, wanted.ref)


async def test_a_stop_ends_what_ignores_it(backend: Backend, attempt: Make) -> None:
    wanted = attempt("trap '' TERM; echo up; while true; do sleep 0.2; done")
    await backend.start(wanted)
    async with asyncio.timeout(DEADLINE_S):
        async for piece in backend.follow_logs(wanted.ref, 0, None):
            if b"up" in piece.data:
                break
    await backend.stop(wanted.ref, 0.5)
    await backend.stop(wanted.ref, 0.5)
    end = await seen(backend, wanted.ref, Phase.EXITED)
    assert end.exit_code != 0
    await backend.stop(wanted.ref, 0.5)
    await removed(backend, wanted.ref)


async def test_removing_leaves_what_runs_alone(backend: Backend, attempt: Make) -> None:
    wanted = attempt("sleep 0.7; echo done")
    await backend.start(wanted)
    await seen(backend, wanted.ref, Phase.RUNNING)
    await backend.remove(wanted.ref)
    assert (await seen(backend, wanted.ref, Phase.EXITED)).exit_code == 0
    assert await texts(backend, wanted.ref) == ["done"]
    await removed(backend, wanted.ref)


async def test_changes_are_told(backend: Backend, attempt: Make) -> None:
    wanted = attempt("sleep 0.3")
    told = asyncio.Event()

    async def listen() -> None:
        async for ref in backend.events():
            if ref == wanted.ref and (await backend.observe(ref)).phase is Phase.EXITED:
                told.set()

    listener = asyncio.create_task(listen())
    await asyncio.sleep(0)
    await backend.start(wanted)
    await asyncio.wait_for(told.wait(), DEADLINE_S)
    listener.cancel()
    await removed(backend, wanted.ref)


async def test_too_much_memory_is_told_apart(backend: Backend, attempt: Make) -> None:
    wanted = attempt("python3 -c 'x = [bytearray(10**7) for _ in range(1000)]'")
    await backend.start(wanted)
    assert (await seen(backend, wanted.ref, Phase.EXITED)).reason == "out_of_memory"
    await removed(backend, wanted.ref)


async def test_a_port_has_an_address(backend: Backend, attempt: Make) -> None:
    serve = "python3 -m http.server 8080 --bind 127.0.0.1 --directory /artifacts"
    wanted = attempt(f"echo hello > /artifacts/index.html; {serve}", ports=[8080])
    await backend.start(wanted)
    await seen(backend, wanted.ref, Phase.RUNNING)
    address = await backend.endpoint(wanted.ref, 8080)
    answer = b""
    async with asyncio.timeout(DEADLINE_S):
        while b"hello" not in answer:
            try:
                if address.unix is not None:
                    with short_path(address.unix) as path:
                        reader, writer = await asyncio.open_unix_connection(path)
                else:
                    reader, writer = await asyncio.open_connection(address.host, address.port)
                writer.write(b"GET / HTTP/1.0\r\n\r\n")
                answer = await reader.read()
                writer.close()
            except OSError:
                await asyncio.sleep(0.1)
    await backend.stop(wanted.ref, 0)
    await seen(backend, wanted.ref, Phase.EXITED)
    await removed(backend, wanted.ref)


async def test_inputs_and_secrets_reach_the_job(backend: Backend, attempt: Make) -> None:
    source = attempt("echo 42 > /artifacts/answer")
    await backend.start(source)
    await seen(backend, source.ref, Phase.EXITED)
    wanted = attempt(
        'cat /inputs/model/answer; echo "$TOKEN"; touch /inputs/model/new 2>/dev/null || echo read-only',
        inputs={"model": source.ref.job_id},
        secrets={"TOKEN": "hunter2"},
    )
    await backend.start(wanted)
    await seen(backend, wanted.ref, Phase.EXITED)
    assert await texts(backend, wanted.ref) == ["42", "hunter2", "read-only"]
    await removed(backend, wanted.ref)
    await removed(backend, source.ref)


async def test_an_input_that_is_gone_is_refused_by_name(backend: Backend, attempt: Make) -> None:
    wanted = attempt("true", inputs={"model": "j000000000000"})
    with pytest.raises(BackendError, match="the input model is gone"):
        await backend.start(wanted)
    assert (await backend.observe(wanted.ref)).phase is Phase.ABSENT
    await backend.stop(wanted.ref, 0)
    await backend.remove(wanted.ref)


async def test_a_job_starts_in_its_workspace(backend: Backend, attempt: Make, volume: Directories) -> None:
    files = {"data/words.txt": "one two\n", "count.sh": "#!/bin/sh\nwc -w < data/words.txt | tr -d ' '\n"}
    wanted = attempt("pwd; ./count.sh", workspace=snapshot(volume, zipped(files)))
    await backend.start(wanted)
    assert (await seen(backend, wanted.ref, Phase.EXITED)).exit_code == 0
    assert await texts(backend, wanted.ref) == ["/workspace", "2"]
    assert "workspace" in [record.type for record in await records(backend, wanted.ref)]
    await removed(backend, wanted.ref)


async def test_each_attempt_starts_in_a_fresh_workspace(backend: Backend, attempt: Make, volume: Directories) -> None:
    workspace = snapshot(volume, zipped({"state": "fresh\n"}))
    command = "cat state; ls; echo spoilt > state; touch left-over"
    first = attempt(command, workspace=workspace)
    second = attempt(command, workspace=workspace, ref=AttemptRef(first.ref.job_id, 2))
    for each in (first, second):
        await backend.start(each)
        await seen(backend, each.ref, Phase.EXITED)
        assert await texts(backend, each.ref) == ["fresh", "state"]
    for each in (first, second):
        await removed(backend, each.ref)


async def test_a_workspace_that_cannot_be_unpacked_is_reported(
    backend: Backend, attempt: Make, volume: Directories
) -> None:
    wanted = attempt("echo started", workspace=snapshot(volume, b"this is no zip file"))
    await backend.start(wanted)
    assert (await seen(backend, wanted.ref, Phase.EXITED)).exit_code == 125
    assert await texts(backend, wanted.ref) == []
    assert [record.type for record in await records(backend, wanted.ref)] == ["workspace_failed"]
    await removed(backend, wanted.ref)


async def test_several_machines_know_and_reach_each_other(backend: Backend, attempt: Make, volume: Directories) -> None:
    if backend.most_nodes < 2:
        pytest.skip("this platform runs a job on one machine")
    wanted = attempt("python3 meet.py", nodes=2, workspace=snapshot(volume, zipped({"meet.py": MEET})))
    await backend.start(wanted)
    end = await seen(backend, wanted.ref, Phase.EXITED)
    assert (end.exit_code, end.reason) == (0, None), end
    assert await texts(backend, wanted.ref, node=0) == ["0 of 2", "from 1"]
    assert await texts(backend, wanted.ref, node=1) == ["1 of 2"]
    assert sorted(path.name for path in volume.artifacts(wanted.ref.job_id).iterdir()) == ["0", "1"]
    await removed(backend, wanted.ref)


MEET = """
import os, pathlib, socket, time

rank, address = os.environ["NODE_RANK"], (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
print(rank, "of", os.environ["NNODES"], flush=True)
# Each machine has a workspace of its own, and all share the artifacts.
pathlib.Path("mine").touch(exist_ok=False)
pathlib.Path("/artifacts", rank).touch(exist_ok=False)
if rank == "0":
    server = socket.create_server(("", address[1]))
    print("from", server.accept()[0].makefile().read(), flush=True)
else:
    while True:
        try:
            other = socket.create_connection(address, 5)
            break
        except OSError:
            time.sleep(0.2)
    other.sendall(rank.encode())
    other.close()
"""


async def test_one_machine_that_fails_ends_the_others(backend: Backend, attempt: Make) -> None:
    if backend.most_nodes < 2:
        pytest.skip("this platform runs a job on one machine")
    wanted = attempt('if [ "$NODE_RANK" = 1 ]; then exit 7; fi; sleep 300', nodes=2)
    await backend.start(wanted)
    end = await seen(backend, wanted.ref, Phase.EXITED)
    assert (end.exit_code, end.message) == (7, "node 1: exit code 7")
    await removed(backend, wanted.ref)


async def test_more_machines_than_a_job_may_have_are_refused(backend: Backend, attempt: Make) -> None:
    wanted = attempt("true", nodes=backend.most_nodes + 1)
    with pytest.raises(BackendError, match=f"at most {backend.most_nodes}"):
        await backend.start(wanted)
    assert (await backend.observe(wanted.ref)).phase is Phase.ABSENT


async def test_what_the_platform_holds_is_listed_as_ours(backend: Backend, attempt: Make) -> None:
    wanted = attempt("true")
    await backend.start(wanted)
    await seen(backend, wanted.ref, Phase.EXITED)
    await backend.adopt([wanted.ref])
    await backend.adopt([wanted.ref])
    held = [found for found in await backend.found() if found.attempt == wanted.ref]
    assert [(found.ours, bool(found.name), found.notebook) for found in held] == [(True, True, None)]
    assert backend.position(wanted.ref) is None
    await removed(backend, wanted.ref)
    assert wanted.ref not in [found.attempt for found in await backend.found()]


async def test_what_a_notebook_needs_is_made_and_forgotten_again_and_again(
    backend: Backend, volume: Directories
) -> None:
    home = volume.notebook_home("alice", "")
    home.mkdir(parents=True)
    small = MachineType(name="small", cpu=0.1, memory_mb=256)
    place = NotebookPlace("notebook/alice/", "alice", small, "python", None, [(home, "/home/outrider", False)])
    assert await backend.notebook(place) == await backend.notebook(place)
    assert await backend.notebook_waits("alice", "", small) is None
    await backend.forget_notebook(place.lease)
    await backend.forget_notebook(place.lease)


async def test_the_platform_says_what_it_can_take(backend: Backend) -> None:
    tiny = MachineType(name="tiny", cpu=0.01, memory_mb=64)
    found = await backend.capacity(tiny, [])
    assert found.total is None or found.total >= 1
    huge = await backend.capacity(MachineType(name="huge", cpu=4000, memory_mb=64), [])
    assert huge.total in (0, None)
    assert await backend.health()
    assert backend.refusal("alice") is None
    assert backend.most_nodes >= 1
    assert backend.cluster
    assert backend.requests >= 0
    assert all(note.endswith((".", "!")) for note in backend.notes)
    image = ImageEntry(name="python", title="Python")
    assert await backend.contents(image) == await backend.contents(image)
