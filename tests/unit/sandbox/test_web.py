"""Web access as variables."""

from __future__ import annotations

from outrider_sandbox import Web, web_from_environment, web_to_environment
from outrider_sandbox.web import PORT, environment

PROXY = f"http://127.0.0.1:{PORT}"
LOOPBACK = "localhost,127.0.0.1,::1"


def test_every_program_is_told_of_the_proxy() -> None:
    env = environment({"A": "1"})
    names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    assert env == {"A": "1", **dict.fromkeys(names, PROXY), "no_proxy": LOOPBACK, "NO_PROXY": LOOPBACK}


def test_what_the_user_says_wins_in_either_spelling() -> None:
    env = environment({"HTTPS_PROXY": "http://own:1", "no_proxy": "inside.example"})
    assert env["HTTPS_PROXY"] == "http://own:1"
    assert "https_proxy" not in env, "curl and git prefer this one"
    assert env["http_proxy"] == PROXY
    assert env["no_proxy"] == env["NO_PROXY"] == f"inside.example,{LOOPBACK}", "the Hub is on the loopback"
    assert environment({"NO_PROXY": "*"})["no_proxy"] == "*"


def test_the_operator_s_words_survive_the_way_to_the_service() -> None:
    said = {
        "https_proxy": "http://u:p@proxy:3128",
        "OUTRIDER_HTTP_PROXY": "http://special:1",
        "http_proxy": "http://usual:1",
        "NO_PROXY": "inside.example",
        "OUTRIDER_WEB_HOSTS": "mirror 10.0.0.5:3141",
    }
    web = web_from_environment(said)
    assert web == Web(["mirror", "10.0.0.5:3141"], "http://special:1", "http://u:p@proxy:3128", "inside.example")
    assert web_from_environment(web_to_environment(web)) == web
    assert web_from_environment({"https_proxy": "http://x:1", **web_to_environment(Web())}) == Web()
