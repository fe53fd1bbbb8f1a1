"""Web access in environment variables: the operator's settings, and what a command gets. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from .spec import Web

PORT = 65431
"""Where the proxy listens on the loopback of every sandbox that has one."""
_LOOPBACK = "localhost,127.0.0.1,::1"


def from_environment(environ: Mapping[str, str]) -> Web:
    """What the operator says: OUTRIDER_WEB_HOSTS, and the proxy that leads out of this network, by the usual
    variables or by OUTRIDER_HTTP_PROXY, OUTRIDER_HTTPS_PROXY and OUTRIDER_NO_PROXY, which go before them."""

    def said(name: str) -> str:
        names = (f"OUTRIDER_{name.upper()}", name, name.upper())
        return next((environ[each] for each in names if each in environ), "")

    everything = said("all_proxy")
    return Web(
        hosts=environ.get("OUTRIDER_WEB_HOSTS", "").split(),
        http_proxy=said("http_proxy") or everything,
        https_proxy=said("https_proxy") or everything,
        no_proxy=said("no_proxy"),
    )


def to_environment(web: Web) -> dict[str, str]:
    """The variables by which another process of Outrider reads the same."""
    return {
        "OUTRIDER_WEB_HOSTS": " ".join(web.hosts),
        "OUTRIDER_HTTP_PROXY": web.http_proxy,
        "OUTRIDER_HTTPS_PROXY": web.https_proxy,
        "OUTRIDER_NO_PROXY": web.no_proxy,
    }


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """A command's environment with the proxy in it. What is given wins, in either spelling; the loopback, where
    the Hub is, never goes through a proxy."""
    env = dict(given)
    for name in ("http_proxy", "https_proxy"):
        if name not in given and name.upper() not in given:
            env[name] = env[name.upper()] = f"http://127.0.0.1:{PORT}"
    for name in ("no_proxy", "NO_PROXY"):
        said = given.get(name, given.get("no_proxy", given.get("NO_PROXY", "")))
        env[name] = said if said.strip() == "*" else ",".join(filter(None, (said, _LOOPBACK)))
    return env
