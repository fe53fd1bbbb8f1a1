"""When a notebook stops by itself, and why."""

from __future__ import annotations

import pytest

from outrider_service.usage.stopping import Life, Rules, Stop, duration, next_stop

HOUR = 3600
USED = Life(started_at=1000, used_at=5000)


def test_by_default_after_the_platforms_time_without_use() -> None:
    assert next_stop(Rules(), USED, 12 * HOUR) == Stop(5000 + 12 * HOUR, "not used for 12 hours")


def test_the_machine_type_has_a_time_of_its_own() -> None:
    assert next_stop(Rules(idle_s=600), USED, 12 * HOUR) == Stop(5600, "not used for 10 minutes")


@pytest.mark.parametrize(("rules", "default"), [(Rules(idle_s=0), 12 * HOUR), (Rules(), 0)])
def test_never(rules: Rules, default: float) -> None:
    assert next_stop(rules, USED, default) is None


def test_an_age_ends_it_whatever_it_does() -> None:
    stop = next_stop(Rules(idle_s=6 * HOUR, max_age_s=6 * HOUR), USED, 0)
    assert stop == Stop(1000 + 6 * HOUR, "this machine type ends after 6 hours, used or not", final=True)


def test_a_report_from_before_its_start_does_not_end_it_early() -> None:
    stop = next_stop(Rules(), Life(started_at=1000, used_at=10), 60)
    assert stop is not None and stop.at == 1060


def test_an_idle_gpu_ends_what_is_in_use_otherwise_until_it_is_kept() -> None:
    rules = Rules(gpu_idle_s=HOUR)
    idle = Life(started_at=0, used_at=9000, gpu_used_at=100)
    assert next_stop(rules, idle, 12 * HOUR) == Stop(100 + HOUR, "its GPU was not used for 1 hour")
    kept = Life(started_at=0, used_at=9000, gpu_used_at=100, kept_at=2000)
    assert next_stop(rules, kept, 12 * HOUR) == Stop(2000 + HOUR, "its GPU was not used for 1 hour")


def test_a_gpu_at_which_nobody_looked_ends_nothing() -> None:
    assert next_stop(Rules(gpu_idle_s=60), USED, 0) is None


@pytest.mark.parametrize(
    ("seconds", "said"), [(1, "1 second"), (90, "90 seconds"), (5400, "90 minutes"), (43200, "12 hours")]
)
def test_a_duration_in_words(seconds: float, said: str) -> None:
    assert duration(seconds) == said
