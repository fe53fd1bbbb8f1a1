"""Where the address and the token come from, how a login is kept, and logging in on the machine itself."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

import outrider
from outrider import credentials
from outrider.cli import cli
from outrider.credentials import Login, Store
from tests.unit.client.platform import Platform


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://hub.example.org", "https://hub.example.org"),
        ("https://Hub.example.org/", "https://hub.example.org"),
        ("hub.example.org", "https://hub.example.org"),
        ("localhost:8000", "http://localhost:8000"),
        ("127.0.0.1:8000/hub/home", "http://127.0.0.1:8000"),
        ("https://example.org/jupyter/hub/token", "https://example.org/jupyter"),
        ("https://example.org/jupyter/services/outrider/", "https://example.org/jupyter"),
        ("https://example.org/user/ada/lab/tree/x", "https://example.org"),
        ("http://127.0.0.1:8081/hub/api", "http://127.0.0.1:8081"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://alice.localhost:8000/user/alice/lab", "http://localhost:8000"),
        ("alice.localhost:8000", "http://localhost:8000"),
    ],
)
def test_addresses_as_people_paste_them(text: str, url: str) -> None:
    assert credentials.normal_url(text) == url


@pytest.mark.parametrize("text", ["", "ftp://example.org", "https://", "https://u:p@example.org", "http://a:b"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(outrider.NotLoggedIn):
        credentials.normal_url(text)


def test_the_order_of_sources(nobody: Path) -> None:
    credentials.save(Store(None, {}).add("https://stored", Login("t-stored", "ada")))
    home = {"HOME": str(nobody)}
    notebook = {"JUPYTERHUB_API_TOKEN": "t-notebook", "JUPYTERHUB_API_URL": "http://hub:8081/hub/api"}
    variables = {"OUTRIDER_URL": "https://env", "OUTRIDER_TOKEN": "t-env"}

    def found(env: dict[str, str], url: str | None = None, token: str | None = None) -> tuple[str, str]:
        result = credentials.resolve(url, token, {**home, **env})
        return result.url, result.token

    assert found({}) == ("https://stored", "t-stored")
    assert found(notebook) == ("http://hub:8081", "t-notebook")
    assert found({**notebook, "OUTRIDER_URL": "http://127.0.0.1:65432"}) == (
        "http://127.0.0.1:65432",
        "t-notebook",
    )
    assert found({**notebook, **variables}) == ("https://env", "t-env")
    assert found({**notebook, **variables}, "https://given", "t-given") == ("https://given", "t-given")
    assert found({"OUTRIDER_TOKEN": "t-env"}) == ("https://stored", "t-env")
    assert found(notebook, "https://stored") == ("https://stored", "t-stored")


def test_a_token_never_goes_to_another_address(nobody: Path) -> None:
    credentials.save(Store(None, {}).add("https://stored", Login("t-stored", "ada")))
    notebook = {"JUPYTERHUB_API_TOKEN": "t-notebook", "JUPYTERHUB_API_URL": "http://hub:8081/hub/api"}
    for env in ({}, notebook):
        with pytest.raises(outrider.NotLoggedIn, match="outrider login https://other"):
            credentials.resolve("https://other", None, {"HOME": str(nobody), **env})


def test_nobody_is_told_how_to_log_in() -> None:
    with pytest.raises(outrider.NotLoggedIn, match="outrider login URL"):
        outrider.Client()


def test_login_is_checked_then_kept_for_this_user_alone(platform: Platform) -> None:
    run = CliRunner().invoke(cli, ["login", platform.url + "/hub/home", "--token-stdin"], input="good-token\n")
    assert run.exit_code == 0, run.output
    file = credentials.credentials_file()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [path.name for path in file.parent.iterdir()] == ["credentials.json"]
    assert outrider.Client().me().name == "ada"
    assert CliRunner().invoke(cli, ["logout"]).exit_code == 0
    assert CliRunner().invoke(cli, ["whoami"]).exit_code == 4


def test_a_wrong_token_is_not_kept(platform: Platform) -> None:
    run = CliRunner().invoke(cli, ["login", platform.url, "--token-stdin"], input="bad\n")
    assert run.exit_code == 4
    assert "does not accept the token" in run.output
    assert not credentials.credentials_file().exists()


def test_nobody_there_to_type_a_token(platform: Platform) -> None:
    run = CliRunner().invoke(cli, ["login", platform.url])
    assert run.exit_code == 2
    assert f"{platform.url}/hub/token" in run.output
    assert "--token-stdin" in run.output


def test_a_damaged_login_says_what_to_do() -> None:
    file = credentials.save(Store(None, {}))
    file.write_text("{")
    run = CliRunner().invoke(cli, ["whoami"])
    assert run.exit_code == 4
    assert "log in again" in run.output


class TestOnThisMachine:
    def start(self, platform: Platform, nobody: Path, **changes: str) -> Path:
        file = nobody / ".local" / "state" / "outrider" / "login.json"
        file.parent.mkdir(parents=True)
        login = {"url": platform.url, "username": platform.user, "password": platform.password, **changes}
        file.write_text(json.dumps(login))
        return file

    def test_nothing_is_typed(self, platform: Platform, nobody: Path) -> None:
        self.start(platform, nobody)
        run = CliRunner().invoke(cli, ["login", "--json"])
        assert run.exit_code == 0, run.output
        assert json.loads(run.stdout)["user"] == "ada"
        assert outrider.Client().me().name == "ada"
        assert platform.password not in credentials.credentials_file().read_text()

    def test_the_token_of_before_is_revoked(self, platform: Platform, nobody: Path) -> None:
        self.start(platform, nobody)
        for _ in range(2):
            assert CliRunner().invoke(cli, ["login"]).exit_code == 0
        assert len(platform.minted) == 1
        assert CliRunner().invoke(cli, ["logout"]).exit_code == 0
        assert platform.minted == {}

    def test_a_token_that_could_not_be_used_is_revoked(self, platform: Platform, nobody: Path) -> None:
        self.start(platform, nobody)
        platform.fail("GET", "/me", 503, times=9)
        assert CliRunner().invoke(cli, ["login"]).exit_code == 5
        assert platform.minted == {}
        assert not credentials.credentials_file().exists()

    def test_elsewhere_when_the_state_is_elsewhere(
        self, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        login = {"url": platform.url, "username": platform.user, "password": platform.password}
        (tmp_path / "login.json").write_text(json.dumps(login))
        monkeypatch.setenv("OUTRIDER_HOME", str(tmp_path))
        assert CliRunner().invoke(cli, ["login"]).exit_code == 0

    def test_none_was_started(self) -> None:
        run = CliRunner().invoke(cli, ["login"])
        assert run.exit_code == 4
        assert "make run" in run.output

    def test_it_is_not_running(self, platform: Platform, nobody: Path) -> None:
        self.start(platform, nobody, url="http://127.0.0.1:1")
        run = CliRunner().invoke(cli, ["login"])
        assert run.exit_code == 5
        assert "make run" in run.output

    def test_somebody_else_started_it(self, platform: Platform, nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.start(platform, nobody)

        def refuse(*_: object, **__: object) -> str:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "read_text", refuse)  # root may read everything, so permissions cannot tell
        run = CliRunner().invoke(cli, ["login"])
        assert run.exit_code == 4
        assert "another user" in run.output

    def test_the_password_is_no_longer_good(self, platform: Platform, nobody: Path) -> None:
        self.start(platform, nobody, password="old")
        run = CliRunner().invoke(cli, ["login"])
        assert run.exit_code == 4
        assert "does not accept the password" in run.output
