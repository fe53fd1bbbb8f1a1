"""Specifications survive the way to disk, and what could never start is refused before it gets there."""

from __future__ import annotations

import dataclasses

import pytest

from outrider_sandbox import Mount, Spec
from outrider_sandbox.bubblewrap import as_file, etc_files, host_name, options
from outrider_sandbox.outcome import describe
from outrider_sandbox.spec import check, decode, encode

FULL = Spec(
    id="job-1",
    argv=["python", "ü"],
    env={"A": "1"},
    mounts=[Mount("/a/b", "/b"), Mount("/a", "/", read_only=False)],
    memory_bytes=1 << 30,
    ports=[8080],
    host_ports={40000: 8888},
    let_in={8081: "127.0.0.1:8081"},
)


def test_a_specification_survives_the_disk() -> None:
    assert decode(encode(FULL)) == FULL


@pytest.mark.parametrize(
    "change",
    [
        {"argv": []},
        {"argv": ["a\0b"]},
        {"env": {"A=B": "1"}},
        {"env": {"": "1"}},
        {"isolation": "docker"},
        {"mounts": [Mount("relative", "/x")]},
        {"ports": [0]},
        {"host_ports": {70000: 1}},
    ],
)
def test_what_could_never_start_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        check(dataclasses.replace(FULL, **change))  # type: ignore[arg-type]


def words(spec: Spec) -> list[str]:
    return options(spec, "/sandbox/etc")


def test_only_system_directories_and_the_given_mounts_are_bound() -> None:
    spec = dataclasses.replace(FULL, mounts=[Mount("/data/me", "/storage", read_only=False)])
    found = words(spec)
    bound = {found[i + 1] for i, word in enumerate(found) if word.endswith(("bind", "bind-try"))}
    outside = {path for path in bound if not path.startswith(("/usr", "/etc/", "/proc/", "/sys/", "/lib"))}
    assert outside == {"/data/me", "/dev/null", *(f"/sandbox/etc/{name}" for name in etc_files(spec))}


def test_outer_mounts_come_before_inner_ones() -> None:
    spec = dataclasses.replace(FULL, mounts=[Mount("/x", "/storage/teams/a"), Mount("/y", "/storage")])
    found = words(spec)
    assert found.index("/y") < found.index("/x")


def test_nothing_is_mounted_where_the_command_could_put_a_link() -> None:
    inner = Mount("/x", "/storage/teams/a")
    check(dataclasses.replace(FULL, mounts=[inner, Mount("/y", "/storage"), Mount("/z", "/storage/teams/ab", False)]))
    with pytest.raises(ValueError, match="/storage/teams/a lies below /storage"):
        check(dataclasses.replace(FULL, mounts=[inner, Mount("/y", "/storage", read_only=False)]))


def test_the_environment_is_not_on_a_command_line() -> None:
    assert as_file(["--setenv", "A", "ü"]) == "--setenv\0A\0ü\0".encode()


@pytest.mark.parametrize(
    ("identifier", "name"),
    [("job-1", "job-1"), ("Job 1/é", "job-1"), ("é", "sandbox"), ("x" * 80, "x" * 63)],
)
def test_any_id_makes_a_host_name(identifier: str, name: str) -> None:
    assert host_name(dataclasses.replace(FULL, id=identifier)) == name


def test_ends_are_described() -> None:
    assert describe(0) == ("exited", None)
    assert describe(0, oom=True) == ("exited", None)
    assert describe(3) == ("exited", "Ended with exit code 3.")
    assert describe(139) == ("exited", "Killed by SIGSEGV.")
    assert describe(137, oom=True, limit=2 << 30) == (
        "out_of_memory",
        "It used more memory than its limit of 2 GiB.",
    )
    assert describe(143, stopped=True)[0] == "stopped"
    assert describe(143, stopped=True, machine_stopped=True)[0] == "node_lost"
    assert describe(None, said="bwrap: no")[1] == "The command could not be started: bwrap: no"
