"""The page that starts a notebook and the list of one's notebooks: forms as a browser without a script sends them."""

import os
import signal
import subprocess
from typing import Any

import pytest
from bs4 import BeautifulSoup

from tests.integration.hub.platform_process import CATALOG, Platform, client, eventually
from tests.integration.registry.server import program, running

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(program() is None, reason="docker-registry is not installed"),
]
CAPPED = "  - {name: capped, title: Capped, cpu: 0.5, memory_mb: 1024, max_age_s: 7200, idle_timeout_s: 3600}\n"
BROKEN = "  - {name: outrider/broken, title: Broken, environment: /nowhere/at/all}\n"
CONFIG = """
from tornado.web import StaticFileHandler
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"root"}}
c.DummyAuthenticator.password = "secret"
c.JupyterHub.load_groups = {{"staff": {{"users": ["ann"]}}}}
# https://git.example is a directory of the test's, handed out by the Hub, which sandboxes reach.
c.JupyterHub.extra_handlers = [*c.JupyterHub.extra_handlers, (r"/git/(.*)", StaticFileHandler, {{"path": {git!r}}})]
c.OutriderSpawnerMixin.page_patience_s = 4
c.Spawner.environment = {{
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "url.http://127.0.0.1:65432/hub/git/.insteadOf",
    "GIT_CONFIG_VALUE_0": "https://git.example/",
}}
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with running(tmp_path_factory.mktemp("registry"), login=False) as found:
        found.image("team/tools", "1", Env=["CUDA_VERSION=12.4.1"])
        found.image("team/arm", "1", "arm64")
        yield found


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, registry: Any) -> Any:
    folder = tmp_path_factory.mktemp("spawn")
    work, served = folder / "work", folder / "git"
    served.mkdir()
    git = ["git", "-C", str(work), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "init", "-q", "-b", "main", str(work)], check=True)
    (work / "read.me").write_text("from the repository")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "first"], check=True)
    subprocess.run([*git, "tag", "v1"], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(served / "course.git")], check=True)
    subprocess.run(["git", "-C", str(served / "course.git"), "update-server-info"], check=True)
    made = Platform(
        folder / "home",
        config=CONFIG.format(git=str(served)),
        OUTRIDER_REGISTRIES=registry.allowed,
        OUTRIDER_NOTEBOOKS_PER_USER="2",
    )
    catalog = CATALOG.replace("machines:\n", BROKEN + "machines:\n").replace("local:", CAPPED + "local:")
    (made.home / "catalog.yaml").write_text(catalog)
    yield made.start()
    made.end()


class Person:
    """Somebody's browser, as far as it has no script."""

    def __init__(self, platform: Any, name: Any) -> None:
        self.name = name
        self.platform = platform
        self.http = platform.browser()
        assert platform.log_in(self.http, name, "secret").status_code == 200

    def page(self, path: Any, status: Any = 200) -> Any:
        answer = self.http.get(path)
        assert answer.status_code == status, answer.text
        return BeautifulSoup(answer.text, "html.parser")

    def send(self, page: Any, **changes: Any) -> Any:
        """Sends the page's form as it is filled in, with changes; the answer, whatever it is."""
        form = page.select_one("#spawn_form")
        fields = {}
        for field in form.select("input[name]"):
            if field.get("type") != "radio" or field.has_attr("checked"):
                fields[field["name"]] = field.get("value", "")
        for field in form.select("select"):
            chosen = field.select_one("option[selected]") or field.select_one("option")
            fields[field["name"]] = chosen["value"]
        return self.http.post(form["action"], data=fields | changes)

    def xsrf(self) -> Any:
        return self.page("/hub/spawn").select_one("#spawn_form")["data-xsrf"]

    def check(self, image: Any, user: Any = None, xsrf: Any = None) -> Any:
        headers = {} if xsrf == "" else {"X-XSRFToken": xsrf or self.xsrf()}
        return self.http.post(
            f"/hub/api/outrider/users/{user or self.name}/check",
            json={"image": image},
            headers={"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin", **headers},
        )

    def notebooks(self) -> Any:
        """The list, by name: its text and its forms."""
        return {row.h2.get_text(strip=True): row for row in self.page("/hub/home").select(".notebook")}

    def press(self, row: Any, words: Any) -> Any:
        form = next(one for one in row.select("form") if one.button.get_text(strip=True) == words)
        fields = {field["name"]: field["value"] for field in form.select("input")}
        return self.http.post(form["action"], data=fields)

    def runs(self, server: Any = "") -> Any:
        """Waits until it does, and gives the service's word on it."""
        token = self.platform.token(self.name, "secret")
        with self.platform.service(token) as service:
            where = f"/notebooks/{server or '-'}"

            def ready() -> Any:
                answer = service.get(where)
                return answer.status_code == 200 and answer.json()["ready"] and answer.json()

            return eventually("the notebook runs", ready, 120)

    def contents(self, path: Any, server: Any = "") -> Any:
        with self.notebook(server) as notebook:
            return notebook.get(f"api/contents/{path}")

    def notebook(self, server: Any = "") -> Any:
        url = f"http://{self.name}.localhost:{self.platform.port}/user/{self.name}/{server + '/' if server else ''}"
        return client(url, self.platform.token(self.name, "secret"), follow_redirects=True)


@pytest.fixture(scope="module")
def ann(platform: Any) -> Any:
    return Person(platform, "ann")


@pytest.fixture(scope="module")
def bob(platform: Any) -> Any:
    return Person(platform, "bob")


def machines(page: Any) -> Any:
    return {card["data-machine"]: card.get_text(" ", strip=True) for card in page.select("[data-machine]")}


def errors(answer: Any) -> Any:
    page = BeautifulSoup(answer.text, "html.parser")
    return {error["id"].removesuffix("-error"): error.get_text() for error in page.select(".error[id]")}  # type: ignore[union-attr]


def test_what_may_be_chosen_is_shown_with_price_and_room(ann: Any, bob: Any) -> None:
    page = ann.page("/hub/spawn")
    found = machines(page)
    assert list(found) == ["small", "whole", "huge", "staff", "capped"]
    assert "1 CPU · 2 GiB" in found["small"] and "no charge" in found["small"]
    assert "1.50 per hour" in found["whole"] and "1 of 1 free now" in found["whole"]
    assert "larger than the platform" in found["huge"]
    assert page.select_one('[data-machine="huge"] input').has_attr("disabled")
    assert "after 2 hours even if in use" in found["capped"]
    images = [card.get_text(" ", strip=True) for card in page.select("[data-sought]")]
    assert len(images) == 2 and "Python" in images[0], "the one for jobs alone is not offered"
    assert "There is no Python environment at /nowhere/at/all" in images[1]
    assert "staff" not in machines(bob.page("/hub/spawn")), "of a group that bob is not in"


def test_nothing_on_the_page_is_inline_and_the_policy_holds_it_to_that(ann: Any) -> None:
    for path in ("/hub/spawn", "/hub/home"):
        answer = ann.http.get(path)
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        page = BeautifulSoup(answer.text, "html.parser")
        assert all(script.get("src") for script in page.select("script")) and not page.select(
            "style, [style], [onclick]"
        )
        for file in (*page.select("script[src]"), *page.select("link[rel=stylesheet]")):
            assert ann.http.get(file.get("src") or file["href"]).status_code == 200


def test_an_address_fills_the_form_in_and_starts_nothing(bob: Any) -> None:
    page = bob.page("/hub/spawn?machine=capped&opt-other_image=evil.example/x:1&git_url=https://git.example/x")
    assert page.select_one('input[name="machine"][checked]')["value"] == "capped"
    assert page.select_one("#other_image")["value"] == "evil.example/x:1"
    assert page.select_one('input[name="image"][checked]')["value"] == "?other"
    assert page.select_one("#git_url")["value"] == "https://git.example/x"
    assert "stopped" in bob.notebooks()["Default notebook"].get_text()


@pytest.mark.parametrize(
    ("image", "status", "word"),
    [
        ("team/tools:1", "ok", "CUDA 12.4.1"),
        ("team/toolz:1", "not_found", "spelling"),
        ("team/arm:1", "wrong_architecture", "buildx"),
    ],
)
def test_another_image_is_asked_about_at_its_registry(
    bob: Any, registry: Any, image: str, status: str, word: str
) -> None:
    said = bob.check(f"{registry.name}/{image}")
    assert said.status_code == 200 and said.json()["status"] == status
    assert word in said.text and said.headers["cache-control"] == "no-store"


def test_an_address_inside_is_not_asked(bob: Any) -> None:
    for image in ("169.254.169.254/latest/meta-data", "127.0.0.1:9/x", "localhost:22/x"):
        assert bob.check(image).json()["status"] == "refused", image


def test_a_name_that_is_none_is_said_to_be_none(bob: Any) -> None:
    for image in ("", "not an image", "https://example.org/x", "Team/Upper"):
        answer = bob.check(image)
        assert answer.status_code == 422 and answer.json()["field"] == "image" and answer.json()["message"]


def test_who_may_ask(platform: Any, ann: Any, bob: Any) -> None:
    strange = platform.browser()
    url = "/hub/api/outrider/users/bob/"
    assert strange.post(url + "check", json={"image": "python"}).status_code == 403
    assert strange.get(url + "offer").status_code == 403
    assert bob.check("python", xsrf="").status_code == 403, "another site's page has no token"
    assert bob.check("python", xsrf=ann.xsrf()).status_code == 403
    assert ann.check("python", user="bob").status_code in (403, 404)
    root = Person(platform, "root")
    assert root.check("127.0.0.1:9/x", user="bob").json()["status"] == "refused"
    assert root.check("python", user="nobody").status_code == 404


def test_what_is_free_now_is_told(ann: Any) -> None:
    headers = {"X-XSRFToken": ann.xsrf(), "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
    found = ann.http.get("/hub/api/outrider/users/ann/offer", headers=headers).json()["machines"]
    assert {one["machine"]: one["free"] for one in found}["whole"] == "1 of 1 free now"


def test_every_mistake_stands_at_its_field_with_what_was_typed(bob: Any, registry: Any) -> None:
    page = bob.page("/hub/spawn")
    answer = bob.send(page, git_url="file:///etc", git_ref="-x", max_age_s="soon", machine="capped")
    found = errors(answer)
    assert set(found) == {"git_url", "git_ref", "max_age_s"}
    again = BeautifulSoup(answer.text, "html.parser")
    assert again.select_one("#git_url")["value"] == "file:///etc"  # type: ignore[index]
    assert again.select_one('input[name="machine"][checked]')["value"] == "capped"  # type: ignore[index]
    field = again.select_one("#max_age_s")
    assert field["aria-invalid"] == "true" and "max_age_s-error" in field["aria-describedby"]  # type: ignore[index]

    answer = bob.send(page, git_url="https://me:word@git.example/x.git")
    assert "password" in errors(answer)["git_url"]
    answer = bob.send(page, image="?other", other_image="")
    assert "name" in errors(answer)["other_image"]
    answer = bob.send(page, image="?other", other_image=f"{registry.name}/team/arm:1")
    assert "arm64" in errors(answer)["other_image"] and f"{registry.name}/team/arm:1" in answer.text
    answer = bob.send(page, machine="capped", max_age_s="86400")
    assert "2 hours" in errors(answer)["max_age_s"]
    answer = bob.send(page, machine="staff")
    assert "staff" in errors(answer)["machine"]
    assert "stopped" in bob.notebooks()["Default notebook"].get_text()


def test_several_notebooks_each_with_its_own_choice(platform: Any, ann: Any, registry: Any) -> None:
    assert "lower-case" in errors(ann.http.get("/hub/outrider/new", params={"name": "Not a name"}))["new"]
    page = BeautifulSoup(ann.http.get("/hub/outrider/new", params={"name": "first"}).text, "html.parser")
    assert "first" in page.h1.get_text()  # type: ignore[union-attr]
    own = f"{registry.name}/team/tools:1"
    there, gone = "https://git.example/course.git", "https://git.example/no-such.git"
    choice = {"image": "?other", "other_image": own, "machine": "capped", "max_age_s": "3600", "group": "staff"}
    answer = ann.send(page, **choice, git_url=there, git_ref="v1")
    assert not errors(answer), errors(answer)
    told = ann.runs("first")
    assert (told["image"], told["machine"], told["stop_final"]) == (own, "capped", True)
    assert "chose" in told["stop_reason"] and "1 hour" in told["stop_reason"]
    row = ann.notebooks()["first"].get_text()
    assert "running" in row and "clone failed" not in row
    assert ann.contents("course/read.me", "first").json()["content"] == "from the repository"

    # The next new one begins with the last choice; the image is one of ann's own by now.
    second = ann.page("/hub/spawn/ann/second")
    assert second.select_one('input[name="machine"][checked]')["value"] == "capped"
    chosen = second.select_one('input[name="image"][checked]')
    assert chosen["value"] == own and "private" in chosen.find_parent(class_="card").get_text()
    assert second.select_one("#git_url")["value"] == "", "each has a repository of its own"
    assert "second" not in ann.notebooks(), "a look at the form makes no notebook"
    ann.send(second, machine="small", max_age_s="")
    ann.runs("second")
    ann.press(ann.notebooks()["second"], "Stop")
    assert "limit of 2 named notebooks" in ann.page("/hub/home").get_text()
    assert ann.http.get("/hub/spawn/ann/third").status_code == 400

    body = {"type": "file", "format": "text", "content": "mine"}
    with ann.notebook("first") as notebook:
        assert notebook.put("api/contents/kept.txt", json=body).status_code in (200, 201)
    answer = ann.press(ann.notebooks()["first"], "Change machine and restart")
    again = BeautifulSoup(answer.text, "html.parser")
    assert "first" in again.h1.get_text() and again.select_one('[selected][value="3600"]')  # type: ignore[union-attr]
    assert again.select_one("#git_url")["value"] == there  # type: ignore[index]
    ann.send(again, machine="small", max_age_s="", git_url=gone, git_ref="")
    told = ann.runs("first")
    assert (told["machine"], told["image"], told["stop_final"]) == ("small", own, False)
    assert ann.contents("kept.txt", "first").json()["content"] == "mine"
    # A repository that cannot be had stops nothing: a note says so in the home, and the list of notebooks.
    assert ann.contents("course/read.me", "first").status_code == 200
    note = ann.contents("git-clone-failed.txt", "first").json()["content"]
    assert "no-such.git" in note and "started without it" in note
    assert "no-such.git" in ann.notebooks()["first"].get_text()
    ann.press(ann.notebooks()["first"], "Stop")
    assert "stopped" in ann.notebooks()["first"].get_text() and "Small" in ann.notebooks()["first"].get_text()
    ann.press(ann.notebooks()["second"], "Delete")
    assert "second" not in ann.notebooks()


def test_nobody_stops_anothers_notebook(ann: Any, bob: Any) -> None:
    xsrf = bob.xsrf()
    answer = bob.http.post("/hub/outrider/stop", params={"_xsrf": xsrf}, data={"user": "ann", "server": ""})
    assert answer.status_code in (403, 404)
    answer = bob.http.post("/hub/outrider/stop", data={"server": ""}, headers={"Sec-Fetch-Mode": "navigate"})
    assert answer.status_code == 403


def test_the_page_without_the_service_says_so(platform: Any, ann: Any) -> None:
    (pid,) = platform.pids("-m outrider_service")
    os.kill(pid, signal.SIGSTOP)
    try:
        assert "could not be loaded" in ann.page("/hub/spawn/ann/second").get_text()
    finally:
        os.kill(pid, signal.SIGCONT)
