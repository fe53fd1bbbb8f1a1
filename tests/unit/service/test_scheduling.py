"""Who goes next: strict order, limits, GPUs; nothing is overtaken, nothing is handed out twice."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from outrider_service.capacity.placement import Plan, QueuedJob, in_order, plan
from outrider_service.capacity.room import Held, Room
from outrider_service.catalog import LimitSet, MachineType

MACHINES = {
    "cpu1": MachineType(name="cpu1", cpu=1, memory_mb=1000),
    "cpu4": MachineType(name="cpu4", cpu=4, memory_mb=4000),
    "gpu1": MachineType(name="gpu1", cpu=1, memory_mb=1000, gpu=1),
    "a100": MachineType(name="a100", cpu=1, memory_mb=1000, gpu=2, gpu_model="A100"),
}
ROOM = Room(8, 8000, {"u1": "NVIDIA A100 80GB", "u2": "NVIDIA A100 80GB", "u3": "Tesla T4"})


def waiting(job: str, machine: str = "cpu1", owner: str = "alice", priority: int = 0, at: float = 0.0) -> QueuedJob:
    return QueuedJob(job, owner, None, machine, priority, at)


def decide(queue: list[QueuedJob], held: list[Held] | None = None, **limits: int) -> Plan:
    def of(_name: str) -> LimitSet:
        return LimitSet(**limits)

    return plan(queue, held or [], ROOM, MACHINES.get, of, lambda _: LimitSet())


def placed(result: Plan) -> list[str]:
    return [p.job_id for p in result.placed]


def test_order_is_priority_then_age() -> None:
    jobs = [waiting("old", at=1), waiting("new", at=2), waiting("urgent", at=3, priority=1)]
    assert [job.id for job in in_order(jobs)] == ["urgent", "old", "new"]


def test_a_large_job_is_not_overtaken() -> None:
    held = [Held("bob", None, 6, 6000, (), True)]
    assert placed(decide([waiting("large", "cpu4", at=1), waiting("small", at=2)], held)) == []
    assert placed(decide([waiting("small", at=1), waiting("large", "cpu4", at=2)], held)) == ["small"]


def test_a_users_limit_holds_back_nobody_else() -> None:
    held = [Held("alice", None, 1, 1000, (), True)]
    queue = [waiting("hers", at=1), waiting("his", owner="bob", at=2)]
    assert placed(decide(queue, held, max_running=1)) == ["his"]


def test_notebooks_hold_capacity_but_are_not_running_jobs() -> None:
    held = [Held("alice", None, 1, 1000, (), False)]
    assert placed(decide([waiting("hers")], held, max_running=1)) == ["hers"]
    assert placed(decide([waiting("a", "cpu4", at=1), waiting("b", "cpu4", at=2)], held)) == ["a"]


def test_gpus_are_handed_out_once_and_by_model() -> None:
    result = decide([waiting("t", "gpu1", at=1), waiting("a", "a100", at=2)])
    assert placed(result) == ["t"], "the first took one A100, so two are not there; nobody overtakes"
    result = decide([waiting("a", "a100", at=1), waiting("t", "gpu1", at=2)])
    assert {p.job_id: p.gpus for p in result.placed} == {"a": ["u1", "u2"], "t": ["u3"]}


def test_gpu_limits() -> None:
    held = [Held("alice", None, 1, 1000, ("u3",), True)]
    assert placed(decide([waiting("a", "a100")], held, max_gpus=2)) == []


def test_each_machine_of_a_job_on_several_counts_its_gpus() -> None:
    job = replace(waiting("wide", "gpu1"), nodes=3)
    assert placed(decide([job], max_gpus=3)) == ["wide"]
    assert placed(decide([job], max_gpus=2)) == []
    held = [Held("alice", None, 1, 1000, (), True, gpu_count=1)]
    assert placed(decide([job], held, max_gpus=3)) == []


def test_each_machine_of_a_job_on_several_counts_towards_what_one_user_may_hold() -> None:
    machines = {"few": MachineType(name="few", cpu=1, memory_mb=1000, max_per_user=3)}

    def starts(nodes: int, held: list[Held]) -> bool:
        job = replace(waiting("wide", "few"), nodes=nodes)
        return bool(plan([job], held, ROOM, machines.get, lambda _: LimitSet(), lambda _: LimitSet()).placed)

    two = Held("alice", None, 1, 1000, (), True, "few", nodes=2)
    assert starts(3, [])
    assert not starts(4, [])
    assert starts(1, [two])
    assert not starts(2, [two])
    assert starts(2, [replace(two, owner="bob")])


def test_the_impossible_is_named_and_blocks_nobody() -> None:
    room = Room(2, 2000)
    result = plan(
        [waiting("big", "cpu4", at=1), waiting("gone", "unknown", at=2), waiting("ok", at=3)],
        [],
        room,
        MACHINES.get,
        lambda _: LimitSet(),
        lambda _: LimitSet(),
    )
    assert sorted(result.impossible) == ["big", "gone"]
    assert placed(result) == ["ok"]


@given(st.lists(st.tuples(st.sampled_from(sorted(MACHINES)), st.sampled_from("ab"), st.integers(-2, 2)), max_size=30))
def test_no_plan_hands_out_more_than_there_is(jobs: list[tuple[str, str, int]]) -> None:
    queue = [waiting(f"j{n}", m, o, p, at=float(n)) for n, (m, o, p) in enumerate(jobs)]
    result = decide(queue)
    gpus = [uuid for p in result.placed for uuid in p.gpus]
    assert len(gpus) == len(set(gpus))
    assert sum(p.machine.cpu for p in result.placed) <= ROOM.cpu
    assert sum(p.machine.memory_mb for p in result.placed) <= ROOM.memory_mb
    done = placed(result)
    assert done == [job.id for job in in_order(queue)][: len(done)], "a prefix of the order"


def test_counting_what_fits() -> None:
    free = ROOM.less([])
    assert free.count(MACHINES["cpu1"]) == 8
    assert free.count(MACHINES["cpu4"]) == 2
    assert free.count(MACHINES["gpu1"]) == 3
    assert free.count(MACHINES["a100"]) == 1
    assert free.gpus == ROOM.gpus, "counting takes nothing"
