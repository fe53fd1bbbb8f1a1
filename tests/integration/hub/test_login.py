"""Who gets in, with what, and what a fresh installation keeps private."""

import json
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.timeout(300)


def test_the_admin_logs_in_with_the_generated_password(platform: Any) -> None:
    with platform.browser() as browser:
        page = platform.log_in(browser, "admin", platform.password)
        assert page.status_code == 200
        assert browser.get("/hub/admin").status_code == 200


@pytest.mark.parametrize(
    ("user", "password"),
    [("admin", "wrong"), ("admin", ""), ("admin", "pässword☃"), ("alice", "wrong"), ("root", "x" * 32)],
)
def test_nobody_else_logs_in(platform: Any, user: Any, password: Any) -> None:
    with platform.browser() as browser:
        assert platform.log_in(browser, user, password).status_code == 403
        assert browser.get("/hub/api/user").status_code == 403


def test_an_unknown_name_does_not_get_in_with_the_admins_password(platform: Any) -> None:
    with platform.browser() as browser:
        assert platform.log_in(browser, "alice", platform.password).status_code == 403


def test_the_login_file_is_enough_to_sign_in(platform: Any) -> None:
    login = json.loads((platform.home / "login.json").read_text())
    assert login["url"] == platform.url
    auth = {"username": login["username"], "password": login["password"]}
    answer = httpx.post(f"{login['url']}/hub/api/users/admin/tokens", json={"auth": auth})
    assert answer.status_code == 201


def test_nobody_else_on_the_machine_can_read_the_secrets(platform: Any) -> None:
    assert stat.S_IMODE(platform.home.stat().st_mode) == 0o700
    files = [platform.home / "login.json", *(platform.home / "secrets").iterdir()]
    assert len(files) > 5
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_everything_listens_on_this_machine_only(platform: Any) -> None:
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = range(platform.port, platform.port + 5)
    found = {
        int(port, 16): address
        for address, port in (words[1].split(":") for words in listening if words[3] == "0A")
        if int(port, 16) in ours
    }
    assert platform.port in found
    assert set(found.values()) == {"0100007F"}
