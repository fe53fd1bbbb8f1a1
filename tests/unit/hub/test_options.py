"""What people may choose for a server, and how it is offered."""

import pytest

from outrider_hub.spawner import options
from outrider_service.catalog.model import ImageEntry, MachineType
from outrider_service.schema.catalog import Image, Machine

MACHINE = {
    **MachineType(
        name="gpu",
        title="A <fast> GPU",
        cpu=0.5,
        memory_mb=16384,
        gpu=2,
        gpu_model="L4",
        price_per_hour=1.25,
    ).model_dump(),
    "groups": [],
    "total": 4,
    "free": 0,
    "waiting": 3,
}


def image(name, title):
    entry = ImageEntry(name=name, title=title).model_dump(exclude={"contents"})
    return Image(**{**entry, "groups": []}, owner=None, facts=None)


def test_empty_choices_mean_the_default():
    assert options.read(None) == options.Choice()
    assert options.read({"image": "", "machine": None}) == options.Choice()


@pytest.mark.parametrize("name", ["user_admin", "user_groups", "cmd", "env"])
def test_nobody_can_say_who_they_are(name):
    with pytest.raises(options.OptionsError, match=name):
        options.read({name: True})


def test_the_hub_says_who_asks():
    request = options.request(options.Choice(group="vision"), True, {"vision", "audio"})
    assert request.user_admin is True
    assert request.user_groups == ["audio", "vision"]
    assert request.group == "vision"


def test_a_group_must_be_ones_own():
    with pytest.raises(options.OptionsError, match="not a member of 'vision'"):
        options.request(options.Choice(group="vision"), False, ["audio"])


def test_the_form_shows_what_there_is():
    images = [image("one", "One"), image("two", "Two")]
    html = options.form(images, [Machine(**MACHINE)], options.Choice(image="two"))
    assert '<option value="two" selected>Two</option>' in html
    assert "A &lt;fast&gt; GPU (0.5 CPU, 16 GB, 2 × L4) · 1.25 per hour · 0 free now" in html


def test_unknown_room_is_not_called_free():
    assert "free now" not in options.describe(Machine(**MACHINE | {"free": None}))


def test_form_fields_become_options():
    assert options.from_form({"image": ["one"], "machine": ["small"], "empty": []}) == {
        "image": "one",
        "machine": "small",
    }
