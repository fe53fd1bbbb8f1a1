"""Starting, stopping, dying and starting again."""

import os
import signal
import socket
from functools import partial
from typing import Any

import httpx
import pytest

from tests.integration.hub.platform_process import client, eventually, is_free

pytestmark = pytest.mark.timeout(300)


def secrets_of(platform: Any) -> Any:
    return {path.name: path.read_text() for path in (platform.home / "secrets").iterdir()}


def test_stop_leaves_nothing_and_a_second_start_keeps_the_secrets(make_platform: Any) -> None:
    platform = make_platform().start()
    first = secrets_of(platform)
    token = platform.token()
    assert platform.password in platform.said()
    assert platform.stop() == 0
    eventually("no process is left", lambda: not platform.pids("."))
    assert all(is_free(platform.port + offset) for offset in range(5))
    shown = len(platform.said())
    platform.start()
    assert secrets_of(platform) == first
    assert platform.hub(token).get("/user").json()["name"] == "admin"
    assert platform.password not in platform.said()[shown:], "the password is printed once"
    assert "login.json" in platform.said()[shown:]


def test_a_port_in_use_is_named(make_platform: Any) -> None:
    platform = make_platform()
    with socket.socket() as other:
        other.bind(("127.0.0.1", platform.port + 3))
        other.listen()
        assert platform.launch().wait(60) == 1
    assert f"Port {platform.port + 3} (the service) is in use" in platform.said()
    assert "make run PORT=" in platform.said()


def test_a_bad_setting_is_named(make_platform: Any) -> None:
    platform = make_platform(OUTRIDER_CULL_TIMEOUT="soon")
    assert platform.launch().wait(60) == 1
    assert "OUTRIDER_CULL_TIMEOUT must be a whole number" in platform.said()


def test_a_mistake_in_the_operators_file_is_shown(make_platform: Any) -> None:
    platform = make_platform(config="c.JupyterHub.base_url = 1 / 0\n")
    assert platform.launch().wait(120) == 1
    assert "ZeroDivisionError" in platform.said()


def test_a_second_start_says_that_one_runs(platform: Any, make_platform: Any) -> None:
    second = make_platform()
    second.home = platform.home
    assert second.launch().wait(60) == 1
    assert "already running" in second.said()
    assert httpx.get(f"{platform.url}/hub/health").status_code == 200


@pytest.mark.parametrize("victim", ["-m jupyterhub -f", "-m outrider_hub"])
def test_after_a_kill_it_comes_up_again(make_platform: Any, victim: str) -> None:
    platform = make_platform().start()
    token = platform.token()
    (pid,) = platform.pids(victim + "( |$)")
    os.kill(pid, signal.SIGKILL)
    platform.process.wait(60)
    eventually("the culler ended with the Hub", lambda: not platform.pids("outrider_hub.culler"))
    platform.start()
    assert platform.hub(token).get("/user").status_code == 200
    assert len(platform.pids("configurable-http-proxy")) == 1
    assert len(platform.pids("-m jupyterhub -f")) == 1


def test_a_stale_pid_of_the_proxy_harms_nobody(make_platform: Any) -> None:
    """After a reboot the number in the file may be anybody's."""
    platform = make_platform()
    (platform.home / "run").mkdir(parents=True)
    (platform.home / "run" / "proxy.pid").write_text(str(os.getpid()))
    platform.start()  # this very process would have been ended


@pytest.mark.parametrize("victim", ["outrider_service", "outrider_hub.culler", "configurable-http-proxy"])
def test_what_dies_is_started_again(platform: Any, victim: str) -> None:
    (pid,) = platform.pids(victim)
    os.kill(pid, signal.SIGKILL)
    eventually(f"{victim} runs again", lambda: [p for p in platform.pids(victim) if p != pid])
    health = f"{platform.url}/services/outrider/api/v1/health"

    def answers() -> Any:
        try:
            return httpx.get(health).status_code == 200
        except httpx.HTTPError:
            return False

    eventually("the service answers through the proxy", answers)


def test_a_proxy_that_forgot_its_routes_gets_them_back(platform: Any) -> None:
    """As one has that was restarted by something else than this Hub."""
    token = platform.token()
    url = platform.start_notebook(token, server="routed")
    secret = (platform.home / "secrets/proxy_token").read_text().strip()
    with httpx.Client(
        base_url=f"http://127.0.0.1:{platform.port + 1}/api/routes", headers={"Authorization": f"token {secret}"}
    ) as proxy:
        routes = [route for route in proxy.get("").json() if route != "/"]
        assert len(routes) >= 2
        for route in routes:
            assert proxy.delete(route).status_code == 204
    with client(platform.pages, token) as browser:
        for address in ("/services/outrider/api/v1/health", f"{url}api/status"):
            eventually(f"{address} answers", partial(answers_at, browser, address))
    platform.stop_notebook(token, server="routed")


def answers_at(browser: httpx.Client, address: str) -> bool:
    return browser.get(address).status_code == 200


def test_another_authenticator_takes_the_generated_password_out_of_use(make_platform: Any) -> None:
    platform = make_platform(
        config="c.JupyterHub.authenticator_class = 'dummy'\nc.Authenticator.allow_all = True\n"
        "c.DummyAuthenticator.password = 'secret'\n"
    ).start()
    assert not (platform.home / "login.json").exists()
    with platform.browser() as browser:
        assert platform.log_in(browser, "bob", "secret").status_code == 200
    assert platform.token("bob", "secret")
    with platform.browser() as browser:
        platform.log_in(browser, "admin", "secret")
        assert browser.get("/hub/admin").status_code == 403, "a name alone must make no admin"
