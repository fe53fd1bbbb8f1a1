"""Secrets are made once, whole, and for one pair of eyes."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from outrider_hub import state
from outrider_hub.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Any:
    return Settings(home=tmp_path / "home")


def test_a_second_call_finds_the_same_secrets(settings: Any) -> None:
    assert state.prepare(settings) == state.prepare(settings)


def test_starts_at_once_agree(settings: Any) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: state.prepare(settings), range(16)))
    assert len(found) == 1
    assert {path.name for path in (settings.home / "secrets").iterdir()} == {
        "admin_password",
        "cookie_secret",
        "installation",
        "proxy_token",
        "service_token",
        "spawner_token",
    }


def test_no_two_installations_share_a_secret(tmp_path: Path) -> None:
    first = state.prepare(Settings(home=tmp_path / "a"))
    second = state.prepare(Settings(home=tmp_path / "b"))
    assert not set(vars(first).values()) & set(vars(second).values())


def test_an_open_directory_is_closed(settings: Any) -> None:
    settings.home.mkdir(mode=0o755)
    state.prepare(settings)
    assert stat.S_IMODE(settings.home.stat().st_mode) == 0o700


def test_an_empty_secret_is_not_used(settings: Any) -> None:
    state.prepare(settings)
    (settings.home / "secrets" / "cookie_secret").write_text("")
    with pytest.raises(RuntimeError, match="cookie_secret is empty"):
        state.prepare(settings)


def test_the_login_file_says_where_and_who(settings: Any) -> None:
    secrets = state.prepare(settings)
    state.write_login(settings, secrets.admin_password)
    path = state.login_file(settings)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    expected = {"url": settings.local_url, "username": "admin", "password": secrets.admin_password}
    assert json.loads(path.read_text()) == expected
    state.remove_login(settings)
    state.remove_login(settings)
    assert not path.exists()
