"""The page that starts a notebook, as data: what is offered, what is chosen, what is said of it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from outrider_hub.pages import form, formatting
from outrider_hub.spawner.options import OTHER
from outrider_service.catalog.model import ImageEntry, MachineType
from outrider_service.schema.catalog import Image, ImageFacts, Machine, Offer

DIGEST = "sha256:" + "ab" * 32
FACTS = ImageFacts(
    status="ok",
    message="",
    reference="docker.io/library/two:1",
    checked_at=datetime(2026, 1, 1, tzinfo=UTC),
    created_at=datetime(2025, 5, 6, tzinfo=UTC),
    cuda="12.4.1",
    size=3 * 2**30,
    moved_at=datetime(2026, 2, 3, tzinfo=UTC),
)


def image(name: Any, owner: Any = None, facts: Any = None, **fields: Any) -> Any:
    entry = ImageEntry(name=name, **{"title": name.title(), **fields}).model_dump(exclude={"contents"})
    return Image(**{**entry, "groups": []}, owner=owner, facts=facts)


def machine(name: Any, free: Any = 1, total: Any = 4, **fields: Any) -> Any:
    entry = {"cpu": 0.5, "memory_mb": 2048, **fields}
    model = MachineType(name=name, title=name.title(), **entry).model_dump()
    return Machine(**{**model, "groups": []}, total=total, free=free, waiting=0)


def offer(images: Any = (), machines: Any = (), refusals: Any = None, unusable: Any = None, sandboxed: Any = ()) -> Any:
    return Offer(
        images=list(images),
        machines=list(machines),
        refusals=refusals or {},
        unusable=unusable or {},
        sandboxed=list(sandboxed),
        environment="/opt/outrider",
        idle_timeout_s=43200,
    )


def chosen(cards: Any) -> Any:
    return [card.value for card in cards if card.chosen]


def test_what_a_machine_costs_and_how_long_it_runs() -> None:
    gpu = machine("gpu", memory_mb=16384, gpu=2, gpu_model="L4", price_per_hour=1.25, max_age_s=21600)
    (card,) = form.form(offer(machines=[gpu]), {}, []).machines
    assert (card.size, card.price, card.free) == ("0.5 CPU · 16 GiB · 2 × L4", "1.25 per hour", "1 of 4 free now")
    assert card.stops == "Stops after 12 hours idle, or after 6 hours even if in use"
    assert (card.most_age_s, card.most_idle_s) == (21600, 43200)
    assert formatting.price(machine("free")) == "no charge"
    assert formatting.stops(machine("ever", idle_timeout_s=0), 43200) == "Runs until you stop it"


def test_unknown_room_is_not_called_free() -> None:
    assert formatting.free_now(machine("any", free=None, total=None)) == "availability unknown"
    assert formatting.free_now(machine("huge", free=0, total=0)) == "not available on this platform"


def test_what_cannot_be_had_is_not_chosen() -> None:
    found = offer(machines=[machine("one"), machine("two")], refusals={"one": "no one is free"})
    assert chosen(form.form(found, {"machine": "one"}, []).machines) == ["two"]
    refused = form.form(found, {}, []).machines[0]
    assert refused.refusal == "No one is free." and not refused.chosen
    assert form.live(found)[0]["refusal"] == "No one is free."


def test_the_first_is_chosen_or_what_was_the_last_time() -> None:
    found = offer(images=[image("one"), image("two")], machines=[machine("small")])
    assert chosen(form.form(found, {}, []).images) == ["one"]
    assert chosen(form.form(found, {"image": "two"}, []).images) == ["two"]
    assert chosen(form.form(found, {"image": "gone"}, []).images) == ["one"]
    other = form.form(found, {"image": OTHER, "other_image": "x"}, [])
    assert chosen(other.images) == [] and other.other


def test_what_is_known_of_an_image_is_on_its_card() -> None:
    (card,) = form.form(offer([image("two", "ann", FACTS, digest=DIGEST)], [machine("small")]), {}, []).images
    assert card.own and card.facts == [
        "CUDA 12.4.1",
        "3.0 GiB download",
        "updated 6 May 2025",
        "pinned to abababababab",
        "tag changed on 3 February 2026",
    ]
    assert "cuda 12.4.1" in card.sought and "two" in card.sought


def test_where_images_are_environments_the_page_says_what_starts() -> None:
    images = [image("one"), image("two", environment="/opt/two"), image("three", environment="/gone")]
    found = form.form(offer(images, [machine("small")], unusable={"three": "no Python"}, sandboxed=["default"]), {}, [])
    assert found.sandboxed
    assert [card.facts for card in found.images][:2] == [
        ["runs in Outrider's own Python environment"],
        ["runs in /opt/two"],
    ]
    assert found.images[2].refusal == "no Python"
    elsewhere = form.form(offer(images, [machine("small", cluster="other")], unusable={"three": "no Python"}), {}, [])
    assert not elsewhere.sandboxed and elsewhere.images[2].refusal == ""


def test_a_time_chosen_by_other_means_can_be_kept() -> None:
    times = form.form(offer(machines=[machine("small")]), {"max_age_s": "5400", "idle_timeout_s": "soon"}, []).times
    assert (5400, "90 minutes") in times and times == sorted(times)


@pytest.mark.parametrize("status", list(formatting.ADVICE))
def test_every_answer_of_a_registry_says_what_to_do(status: Any) -> None:
    assert (formatting.ADVICE[status] == "") == (status == "ok")


def test_a_rate_limit_says_until_when() -> None:
    limited = FACTS.model_copy(
        update={"status": "rate_limited", "try_again_at": datetime(2026, 1, 1, 12, 30, tzinfo=UTC)}
    )
    assert formatting.when_again(limited) == " Try again after 12:30 UTC."
    assert formatting.when_again(FACTS) == ""
