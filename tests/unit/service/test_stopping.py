"""When a notebook stops by itself, and why."""

from __future__ import annotations

import pytest

from outrider_service.notebooks.stopping import (
    Life,
    Rules,
    ScheduledStop,
    TooLong,
    check_choice,
    chosen,
    duration,
    next_stop,
)

HOUR = 3600
USED = Life(started_at=1000, used_at=5000)


def test_by_default_after_the_platforms_time_without_use() -> None:
    assert next_stop(Rules(), USED, 12 * HOUR) == ScheduledStop(5000 + 12 * HOUR, "idle for 12 hours")


def test_the_machine_type_has_a_time_of_its_own() -> None:
    assert next_stop(Rules(idle_s=600), USED, 12 * HOUR) == ScheduledStop(5600, "idle for 10 minutes")


@pytest.mark.parametrize(("rules", "default"), [(Rules(idle_s=0), 12 * HOUR), (Rules(), 0)])
def test_never(rules: Rules, default: float) -> None:
    assert next_stop(rules, USED, default) is None


def test_an_age_ends_it_whatever_it_does() -> None:
    stop = next_stop(Rules(idle_s=6 * HOUR, max_age_s=6 * HOUR), USED, 0)
    assert stop == ScheduledStop(
        1000 + 6 * HOUR, "this machine type stops notebooks after 6 hours, used or idle", final=True
    )


def test_a_report_from_before_its_start_does_not_end_it_early() -> None:
    stop = next_stop(Rules(), Life(started_at=1000, used_at=10), 60)
    assert stop is not None and stop.at == 1060


def test_an_idle_gpu_ends_what_is_in_use_otherwise_until_it_is_kept() -> None:
    rules = Rules(gpu_idle_s=HOUR)
    idle = Life(started_at=0, used_at=9000, gpu_used_at=100)
    assert next_stop(rules, idle, 12 * HOUR) == ScheduledStop(100 + HOUR, "its GPU was idle for 1 hour")
    kept = Life(started_at=0, used_at=9000, gpu_used_at=100, kept_at=2000)
    assert next_stop(rules, kept, 12 * HOUR) == ScheduledStop(2000 + HOUR, "its GPU was idle for 1 hour")


def test_a_gpu_at_which_nobody_looked_ends_nothing() -> None:
    assert next_stop(Rules(gpu_idle_s=60), USED, 0) is None


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1, "1 second"), (90, "90 seconds"), (5400, "90 minutes"), (43200, "12 hours"), (604800, "7 days")],
)
def test_a_duration_in_words(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_what_the_owner_chose_takes_the_machine_types_place() -> None:
    rules = chosen(Rules(idle_s=HOUR, max_age_s=6 * HOUR, gpu_idle_s=60), 2 * HOUR, None)
    assert (rules.idle_s, rules.max_age_s, rules.gpu_idle_s) == (HOUR, 2 * HOUR, 60)
    stop = next_stop(rules, Life(started_at=0, used_at=2 * HOUR), 0)
    assert stop == ScheduledStop(2 * HOUR, "its owner chose to stop it after 2 hours, used or idle", final=True)
    assert chosen(Rules(idle_s=HOUR), None, 600).idle_s == 600


@pytest.mark.parametrize(
    ("rules", "age", "idle", "field"),
    [
        (Rules(max_age_s=HOUR), HOUR, None, None),
        (Rules(max_age_s=HOUR), HOUR + 1, None, "max_age_s"),
        (Rules(), 10**7, None, None),
        (Rules(idle_s=HOUR), None, HOUR + 1, "idle_timeout_s"),
        (Rules(), None, 13 * HOUR, "idle_timeout_s"),
        (Rules(idle_s=0), None, 10**7, None),
    ],
)
def test_nobody_chooses_longer_than_the_machine_type_allows(
    rules: Rules, age: int | None, idle: int | None, field: str | None
) -> None:
    if field is None:
        check_choice(rules, age, idle, 12 * HOUR)
        return
    with pytest.raises(TooLong) as caught:
        check_choice(rules, age, idle, 12 * HOUR)
    assert caught.value.field == field and str(caught.value).startswith(f"{field}: ")
