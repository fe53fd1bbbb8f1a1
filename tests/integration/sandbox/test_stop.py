"""Asking for an end: politely, then not."""

from __future__ import annotations

import outrider_sandbox as sandbox

from .conftest import Box, until


def test_a_command_may_clean_up(box: Box) -> None:
    box.shell("trap 'echo saved; exit 7' TERM; echo up; while :; do sleep 0.05; done").says("up")
    sandbox.request_stop(box.folder)
    state = box.end()
    assert (state.reason, state.exit_code, state.message) == ("stopped", 7, "Stopped as asked.")
    assert box.lines == ["up", "saved"]


def test_one_that_ignores_it_is_killed(box: Box) -> None:
    box.shell("trap '' TERM; echo up; while :; do sleep 0.05; done").says("up")
    sandbox.request_stop(box.folder, 0.3)
    state = box.end()
    assert (state.reason, state.exit_code) == ("stopped", 137)
    assert "killed" in (state.message or "")
    box.nothing_left()


def test_a_second_request_may_hurry(box: Box) -> None:
    box.shell("trap 'echo no' TERM; echo up; while :; do sleep 0.05; done").says("up")
    sandbox.request_stop(box.folder, 1000)
    box.says("no")
    sandbox.request_stop(box.folder, 2000)
    assert box.state.phase == "running"
    sandbox.request_stop(box.folder, 0)
    assert box.end().exit_code == 137
    assert box.lines.count("no") == 1


def test_one_asked_before_the_start_prevents_it(box: Box) -> None:
    sandbox.request_stop(box.folder)
    assert box.state.phase == "absent"
    box.shell("echo ran")
    state = box.end()
    assert (state.reason, state.exit_code, state.started_at) == ("stopped", None, None)
    assert box.lines == []


def test_asked_at_any_moment_of_the_start_it_ends_stopped(box: Box) -> None:
    for i in range(12):
        folder = box.folder / str(i)
        folder.mkdir()
        one = Box(folder, box.isolation)
        one.shell("sleep 1000")
        until(lambda i=i, one=one: i < 4 or one.state.phase == "running")  # type: ignore[misc]
        sandbox.request_stop(folder)
        assert one.end().reason == "stopped"
        one.nothing_left()


def test_stopping_what_has_ended_or_is_not_there_changes_nothing(box: Box) -> None:
    before = box.shell("exit 5").end()
    sandbox.request_stop(box.folder)
    assert box.state == before
    sandbox.request_stop(box.folder / "nowhere")
    assert not (box.folder / "nowhere").exists()
