"""What people may choose for a server, as a form or a program sends it."""

from typing import Any

import pytest

from outrider_hub.spawner import options


def test_empty_choices_mean_the_default() -> None:
    assert options.read(None) == options.Choice()
    assert options.read({"image": "", "machine": None}) == options.Choice()


@pytest.mark.parametrize("name", ["user_admin", "user_groups", "add_image", "cmd", "env"])
def test_nobody_can_say_who_they_are(name: str) -> None:
    with pytest.raises(options.OptionsError, match=name) as caught:
        options.read({name: True})
    assert list(caught.value.errors) == [name]


def test_the_hub_says_who_asks() -> None:
    request = options.request(options.Choice(group="vision"), True, {"vision", "audio"})
    assert request.user_admin is True
    assert request.user_groups == ["audio", "vision"]
    assert request.group == "vision" and request.add_image is False


def test_a_group_must_be_ones_own() -> None:
    with pytest.raises(options.OptionsError, match="not a member of 'vision'"):
        options.request(options.Choice(group="vision"), False, ["audio"])


def test_another_image_becomes_one_of_ones_own() -> None:
    request = options.request(options.Choice(image="one", other_image="ghcr.io/team/x:1"), False, [])
    assert (request.image, request.add_image) == ("ghcr.io/team/x:1", True)


def test_form_fields_become_options() -> None:
    form = {"image": ["one"], "machine": [" small "], "empty": [], "_xsrf": ["token"], "max_age_s": ["3600"]}
    form |= {"other_image": ["left/over:1"], "git_url": [""]}
    assert options.from_form(form) == {"image": "one", "machine": "small", "max_age_s": 3600}


def test_another_image_is_taken_from_its_field() -> None:
    form = {"image": [options.OTHER], "other_image": ["python:3.12"]}
    assert options.from_form(form) == {"other_image": "python:3.12"}
    with pytest.raises(options.OptionsError) as caught:
        options.from_form({"image": [options.OTHER], "other_image": ["  "]})
    assert "other_image" in caught.value.errors


@pytest.mark.parametrize("text", ["soon", "-1", "1.5", "٣", "9" * 30])
def test_a_time_that_is_no_number_is_named(text: Any) -> None:
    with pytest.raises(options.OptionsError) as caught:
        options.from_form({"max_age_s": [text]})
    assert list(caught.value.errors) == ["max_age_s"]


@pytest.mark.parametrize(
    ("given", "field", "word"),
    [
        ({"git_url": "file:///etc"}, "git_url", "https"),
        ({"git_url": "https://me:word@example.org/x"}, "git_url", "password"),
        ({"git_url": "https://example.org/x", "git_ref": "-x"}, "git_ref", "branch"),
        ({"git_ref": "main"}, "git_url", "address"),
        ({"max_age_s": 5}, "max_age_s", "60"),
        ({"idle_timeout_s": 10**10}, "idle_timeout_s", "at most"),
        ({"other_image": "not an image"}, "other_image", "reference"),
        ({"machine": 3}, "machine", "text"),
    ],
)
def test_each_field_is_checked(given: Any, field: Any, word: Any) -> None:
    with pytest.raises(options.OptionsError) as caught:
        options.read(given)
    assert word in caught.value.errors[field]


def test_the_last_choice_is_filled_in_again() -> None:
    last = {"other_image": "python:3.12", "max_age_s": 3600, "machine": "small"}
    assert options.as_typed(last) == {"image": "python:3.12", "max_age_s": "3600", "machine": "small"}
