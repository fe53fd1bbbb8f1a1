"""Secrets that JupyterHub would not start with are refused by name, or close the login that they are for."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest
from jupyterhub.authenticators.shared import SharedPasswordAuthenticator
from jupyterhub.orm import APIToken
from tornado.web import HTTPError
from traitlets.config import Config

from outrider_hub import demands
from outrider_hub.authenticator import AdminOnlyAuthenticator, set_admin
from outrider_hub.config_kubernetes import from_environment
from outrider_hub.settings import SettingsError

GOOD = {
    "OUTRIDER_HUB_SERVICE": "hub:8081",
    "OUTRIDER_PROXY_API": "proxy-api:8001",
    "OUTRIDER_PROXY_PUBLIC": "proxy",
    "OUTRIDER_SERVICE": "service:8003",
    "OUTRIDER_PUBLIC_URL": "http://localhost:8000",
    "CONFIGPROXY_AUTH_TOKEN": "a" * 48,
    "OUTRIDER_SERVICE_TOKEN": "b" * 48,
    "OUTRIDER_SPAWNER_TOKEN": "c" * 48,
    "OUTRIDER_METRICS_TOKEN": "d" * 48,
    "OUTRIDER_COOKIE_SECRET": "0f" * 32,
    "OUTRIDER_ADMIN_PASSWORD": "e" * 32,
}


def test_the_least_lengths_are_jupyterhubs_own() -> None:
    assert demands.PASSWORD_LENGTH == SharedPasswordAuthenticator._ADMIN_PASSWORD_MIN_LENGTH
    assert APIToken.min_length == demands.TOKEN_LENGTH


def test_what_the_chart_makes_is_taken() -> None:
    assert len(from_environment(GOOD).cookie_secret) == demands.COOKIE_BYTES


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("CONFIGPROXY_AUTH_TOKEN", "short", "has 5 characters"),
        ("OUTRIDER_SERVICE_TOKEN", "a-token-from-a-file\n", "a newline"),
        ("OUTRIDER_SPAWNER_TOKEN", GOOD["OUTRIDER_SERVICE_TOKEN"], "the same"),
        ("OUTRIDER_METRICS_TOKEN", "tökentöken", "non-ASCII"),
        ("OUTRIDER_COOKIE_SECRET", "no digits", "hexadecimal"),
        ("OUTRIDER_COOKIE_SECRET", "ab" * 8, "needs at least 64"),
    ],
)
def test_a_secret_that_stops_jupyterhub_is_refused_by_its_name(name: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as refused:
        from_environment({**GOOD, name: value})
    assert name in str(refused.value)


@pytest.mark.parametrize("password", ["x" * 31, "x" * 32 + "\n", "ü" * 32])
def test_a_password_that_stops_jupyterhub_closes_the_login_and_says_so(password: str) -> None:
    c = Config()
    set_admin(c, "admin", password, "the key admin-password")
    login = AdminOnlyAuthenticator(config=c)
    with pytest.raises(HTTPError, match="the key admin-password"):
        asyncio.run(login.authenticate(None, {"username": "admin", "password": password}))


def test_the_generated_password_logs_the_admin_in() -> None:
    c = Config()
    password = secrets.token_urlsafe(24)
    set_admin(c, "admin", password, "the key admin-password")
    login = AdminOnlyAuthenticator(config=c)
    found: Any = asyncio.run(login.authenticate(None, {"username": "admin", "password": password}))
    assert (found["name"], found["admin"]) == ("admin", True)
