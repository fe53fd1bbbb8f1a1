"""The layouts of origins, and what the guard answers in front of the Hub."""

from __future__ import annotations

import pytest

from outrider_hub.guard import judge
from outrider_hub.origins import Origins, OriginsError, choose
from outrider_service.contracts.browsers import from_foreign_page, is_navigation

LOCAL = Origins("http://localhost:8000", "localhost")
WILD = Origins("https://hub.example.org", "users.example.net")
SHARED = Origins("https://hub.example.org", "notebooks.example.net", shared=True)
OPENS = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}
FETCHES = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
CROSS = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": "cross-site"}
OLD_BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"])
def test_on_this_machine_notebooks_are_below_localhost(url: str) -> None:
    assert choose(url, "", False) == LOCAL


def test_elsewhere_a_second_domain_is_needed() -> None:
    assert choose("https://hub.example.org", "*.users.example.net", False) == WILD
    assert choose("https://hub.example.org", "Notebooks.example.net", False) == SHARED
    with pytest.raises(OriginsError, match="OUTRIDER_NOTEBOOKS_DOMAIN"):
        choose("https://hub.example.org", "", False)
    assert not choose("https://hub.example.org", "", True).separate


@pytest.mark.parametrize(
    ("public", "notebooks"),
    [
        ("https://hub.example.org", "*.example.org"),  # a user called hub
        ("https://hub.example.org", "hub.example.org"),
        ("https://hub.example.org", "https://users.example.net"),
        ("https://hub.example.org", "users.example.net/x"),
        ("https://hub.example.org", "*"),
        ("http://localhost:8000", "*.users.example.net"),
    ],
)
def test_a_layout_that_separates_nothing_is_refused(public: str, notebooks: str) -> None:
    with pytest.raises(OriginsError):
        choose(public, notebooks, False)


@pytest.mark.parametrize(
    "name", ["alice", "Alice B", "müller", "a.b", "j0123456789ab-8080", "..", "localhost", "x" * 200]
)
def test_every_user_has_one_host_that_is_no_one_elses(name: str) -> None:
    host = LOCAL.of_user()(name, "localhost", "user")
    label = host.removesuffix(".localhost")
    assert host.endswith(".localhost") and label and "." not in label and len(label) <= 63
    assert host not in {LOCAL.of_user()(other, "localhost", "user") for other in ("bob", "alice2", "j0123456789ab")}
    # Cookies do not know ports, and ports of jobs have hosts of this form.
    assert label != "j0123456789ab-8080"


def test_services_stay_with_the_hub() -> None:
    assert LOCAL.of_user()("outrider", "localhost", "service") == "localhost"
    assert WILD.of_user()("outrider", "hub.example.org", "service") == "hub.example.org"


@pytest.mark.parametrize("path", ["/hub/login", "/hub/token", "/hub/logout?x=1"])
@pytest.mark.parametrize("headers", [OPENS, OLD_BROWSER])
def test_the_hubs_pages_do_not_answer_on_a_notebooks_host(path: str, headers: dict[str, str]) -> None:
    verdict = judge(LOCAL, "GET", "mallory.localhost:8000", path, headers)
    assert verdict is not None and verdict.location == "http://localhost:8000" + path


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "path", ["/hub/api/users", "/hub/login", "/services/outrider/api/v1/me", "/", "/hub/static/x.js"]
)
def test_nor_does_anything_else_of_the_hubs(method: str, path: str) -> None:
    for origins, host in ((WILD, "mallory.users.example.net"), (LOCAL, "mallory.localhost:8000")):
        verdict = judge(origins, method, host, path, FETCHES)
        assert verdict is not None and verdict.status == 421


def test_a_stopped_server_is_told_in_labs_own_terms() -> None:
    verdict = judge(LOCAL, "GET", "alice.localhost:8000", "/user/alice/api/kernels", FETCHES)
    assert verdict is not None and verdict.status == 424
    opened = judge(LOCAL, "GET", "alice.localhost:8000", "/user/alice/lab?a=b", OPENS)
    assert opened is not None and opened.location == "http://localhost:8000/hub/user/alice/lab?a=b"


@pytest.mark.parametrize("host", ["localhost:8000", "LOCALHOST:8000"])
def test_the_hub_answers_on_its_own_host(host: str) -> None:
    assert judge(LOCAL, "GET", host, "/hub/home", OPENS) is None
    assert (
        judge(LOCAL, "POST", host, "/hub/login", {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"})
        is None
    )


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "[::1]:8000", "127.1.2.3:8000"])
def test_pages_by_number_lead_to_the_name(host: str) -> None:
    verdict = judge(LOCAL, "GET", host, "/hub/home", OPENS)
    assert verdict is not None and verdict.location == "http://localhost:8000/hub/home"
    # Programs go on as they are.
    assert judge(LOCAL, "GET", host, "/hub/api/user", {"Accept": "*/*"}) is None
    assert judge(LOCAL, "POST", host, "/hub/api/users/alice/tokens", {}) is None


@pytest.mark.parametrize("host", ["localhost:9000", "gpu-box:8000", "10.0.0.5:8000", "", "[::1", "evil.test"])
def test_another_address_is_told_what_to_do(host: str) -> None:
    verdict = judge(LOCAL, "GET", host, "/hub/home", OPENS)
    assert verdict is not None and verdict.status == 421 and "OUTRIDER_PUBLIC_URL" in verdict.message
    # A kubelet's probe, which names a pod's address.
    assert judge(WILD, "GET", host, "/hub/health", {"Accept": "*/*"}) is None


def test_a_reverse_proxy_may_leave_the_port_out() -> None:
    assert judge(Origins("https://hub.example.org:8443", "u.net"), "GET", "hub.example.org", "/hub/home", OPENS) is None


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
def test_pages_elsewhere_cannot_use_the_visitors_login(site: str) -> None:
    sent = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": site, "Sec-Fetch-Dest": "empty"}
    form = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": site, "Sec-Fetch-Dest": "document"}
    for method, headers in (
        ("GET", sent),
        ("POST", sent),
        ("POST", form),
        ("GET", {**sent, "Sec-Fetch-Mode": "websocket"}),
    ):
        verdict = judge(LOCAL, method, "localhost:8000", "/hub/api/users", headers)
        assert verdict is not None and verdict.status == 403
    assert judge(LOCAL, "GET", "localhost:8000", "/hub/home", form) is None
    assert judge(LOCAL, "GET", "localhost:8000", "/hub/static/logo.png", sent) is None
    # An identity provider's page posts its answer.
    assert judge(LOCAL, "POST", "localhost:8000", "/hub/saml/acs", form, ["/hub/saml/(acs|slo)"]) is None


def test_all_users_at_one_number_still_leaves_programs_their_address() -> None:
    safari = choose("http://localhost:8000", "127.0.0.1", False)
    assert judge(safari, "GET", "127.0.0.1:8000", "/hub/api/user", {}) is None
    opened = judge(safari, "GET", "127.0.0.1:8000", "/hub/login", OPENS)
    assert opened is not None and opened.location == "http://localhost:8000/hub/login"
    posted = judge(safari, "POST", "127.0.0.1:8000", "/hub/login", FETCHES)
    assert posted is not None and posted.status == 421


def test_what_a_token_sends_is_nobodys_visit() -> None:
    assert not from_foreign_page("POST", {**CROSS, "Authorization": "token x"})
    assert from_foreign_page("POST", CROSS)
    assert not from_foreign_page("POST", {})
    assert is_navigation("GET", OLD_BROWSER) and not is_navigation("POST", OPENS)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_service_that_has_no_route_yet_is_starting(method: str) -> None:
    for origins, host in ((LOCAL, "localhost:8000"), (Origins("https://hub.example.org", ""), "hub.example.org")):
        verdict = judge(origins, method, host, "/services/outrider/api/v1/jobs", FETCHES)
        assert verdict is not None and verdict.status == 503
