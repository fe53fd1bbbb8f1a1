"""What the environment may say, and what it may not."""

from pathlib import Path

import pytest

from outrider_hub.settings import SettingsError, default_home, from_environment


def test_the_home_follows_the_environment() -> None:
    assert default_home({"OUTRIDER_HOME": "/srv/outrider"}) == Path("/srv/outrider")
    assert default_home({"XDG_STATE_HOME": "/var/state"}) == Path("/var/state/outrider")
    assert default_home({}) == Path.home() / ".local/state/outrider"
    assert default_home({"XDG_STATE_HOME": "relative"}) == Path.home() / ".local/state/outrider"


def test_ports_follow_each_other() -> None:
    settings = from_environment({"OUTRIDER_PORT": "9000"})
    assert sorted(settings.ports.values()) == [9000, 9001, 9002, 9003, 9004]
    assert settings.public_url == "http://localhost:9000"


def test_another_public_address() -> None:
    settings = from_environment(
        {"OUTRIDER_PUBLIC_URL": "https://lab.example/", "OUTRIDER_NOTEBOOKS_DOMAIN": "*.notebooks.example"}
    )
    assert settings.public_url == "https://lab.example"
    assert settings.local_url == "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OUTRIDER_PORT", "80"),
        ("OUTRIDER_PORT", "65535"),
        ("OUTRIDER_PORT", "http"),
        ("OUTRIDER_PORT", "-1"),
        ("OUTRIDER_PORT", "٨٠٨٠"),
        ("OUTRIDER_CULL_TIMEOUT", "12h"),
        ("OUTRIDER_CULL_EVERY", "0"),
        ("OUTRIDER_CLOSED_NETWORKS", "10.0.0.0/8 lan"),
        ("OUTRIDER_CLOSED_NETWORKS", "10.0.0.1/8"),
        ("OUTRIDER_UIDS", "0-10"),
        ("OUTRIDER_UIDS", "3000"),
        ("OUTRIDER_UIDS", "4000-3000"),
        ("OUTRIDER_UIDS", "some"),
        ("OUTRIDER_PUBLIC_URL", "lab.example"),
    ],
)
def test_what_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        from_environment({name: value})
