"""The SDK against a platform whose connections break, whose answers get lost, and which is sometimes away."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

import outrider
from outrider import errors
from outrider.models import parse_time
from tests.unit.client.platform import Platform, points


@pytest.fixture
def client(logged_in: Platform) -> outrider.Client:
    return outrider.Client()


def test_a_job_from_submission_to_result(client: outrider.Client, platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print('hello')")
    platform.lines = ["hello"]
    job = client.jobs.create(args=["python", "train.py"], workspace=tmp_path, timeout="2h", shm="1g")
    sent = platform.jobs[job.id]
    assert (sent["args"], sent["timeout_s"], sent["shm_mb"]) == (["python", "train.py"], 7200, 1024)
    assert sent["workspace"]["id"] in platform.snapshots
    assert [line.text for line in job.logs(follow=True)] == ["hello"]
    job.wait(check=True)
    assert (job.status, job.exit_code, job.ended) == ("succeeded", 0, True)


def test_the_same_workspace_is_sent_once(client: outrider.Client, platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    first = client.snapshots.prepare(tmp_path)
    (tmp_path / "a").touch()
    assert client.snapshots.prepare(tmp_path) == first
    assert platform.count("POST", "/snapshots") == 1


@pytest.mark.parametrize("how", ["drop", "lose", 502, 503, 504])
def test_a_submission_whose_answer_is_lost_runs_once(
    client: outrider.Client, platform: Platform, how: int | str
) -> None:
    platform.fail("POST", "/jobs$", how, times=2)
    job = client.jobs.create(command="true", workspace="none")
    assert list(platform.jobs) == [job.id]
    assert platform.count("POST", "/jobs$") == 3


def test_a_clone_is_not_repeated_when_its_answer_is_lost(client: outrider.Client, platform: Platform) -> None:
    job = client.jobs.get(platform.add_job())
    platform.fail("POST", "/clone", "lose")
    with pytest.raises(outrider.Unreachable):
        job.clone()
    assert len(platform.jobs) == 2


@pytest.mark.parametrize("how", ["drop", 500, 502, 503, 429])
def test_reading_survives_a_service_that_fails_for_a_moment(
    client: outrider.Client, platform: Platform, how: int | str
) -> None:
    platform.fail("GET", "/me", how, times=2)
    assert client.me().name == "ada"


def test_a_delete_whose_answer_is_lost_is_a_success(client: outrider.Client, platform: Platform) -> None:
    job = client.jobs.get(platform.add_job())
    platform.fail("DELETE", "/jobs/", "lose")
    job.delete()
    assert platform.jobs == {}


def test_a_500_on_a_submission_is_reported_not_repeated(client: outrider.Client, platform: Platform) -> None:
    platform.fail("POST", "/jobs$", 500)
    with pytest.raises(outrider.ServerError) as caught:
        client.jobs.create(command="true", workspace="none")
    assert caught.value.status == 500
    assert platform.count("POST", "/jobs$") == 1


def test_errors_carry_status_message_and_field(client: outrider.Client) -> None:
    with pytest.raises(outrider.InvalidRequest) as caught:
        client.jobs.create(command="true", workspace="none", machine="unknown")
    error = caught.value
    assert (error.status, error.field, error.message) == (422, "machine", "there is no such machine type")
    assert str(error) == "machine: there is no such machine type"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequest),
        (401, errors.Unauthorized),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (413, errors.TooLarge),
        (422, errors.InvalidRequest),
        (429, errors.LimitReached),
    ],
)
def test_each_refusal_has_its_type(
    client: outrider.Client, platform: Platform, status: int, kind: type[errors.OutriderError]
) -> None:
    platform.fail("POST", "/jobs$", status)
    with pytest.raises(kind) as caught:
        client.jobs.create(command="true", workspace="none")
    assert type(caught.value) is kind
    assert caught.value.status == status


def test_an_address_without_outrider_says_so(platform: Platform) -> None:
    elsewhere = outrider.Client(platform.url + "/somewhere", platform.token)
    with pytest.raises(outrider.Unreachable, match="no Outrider service"):
        elsewhere.me()


def test_a_token_with_a_line_break_is_refused_here() -> None:
    with pytest.raises(outrider.NotLoggedIn, match="copied completely"):
        outrider.Client("http://127.0.0.1:1", "abc\ndef")


class TestFollowing:
    def test_no_line_is_lost_or_doubled_wherever_the_connection_breaks(
        self, client: outrider.Client, platform: Platform
    ) -> None:
        platform.lines = [f"line {n} \u2028 ü \r" for n in range(1, 11)]
        job = client.jobs.get(platform.add_job())
        for cut in range(0, 1200, 13):
            platform.cut_stream_after = [cut, cut // 2, 0]
            assert [line.text for line in job.logs(follow=True)] == platform.lines
        assert platform.count("GET", "/logs") > 200

    def test_a_service_that_is_away_for_a_while(self, client: outrider.Client, platform: Platform) -> None:
        platform.lines = ["a", "b"]
        job = client.jobs.get(platform.add_job())
        platform.cut_stream_after = [100]
        platform.fail("GET", "/logs", 503, times=3)
        platform.fail("GET", "/logs", "drop", times=3)
        assert [line.text for line in job.logs(follow=True)] == ["a", "b"]

    def test_a_token_that_is_revoked_meanwhile_ends_it(self, client: outrider.Client, platform: Platform) -> None:
        job = client.jobs.get(platform.add_job())
        platform.token = "another"
        with pytest.raises(outrider.Unauthorized):
            list(job.logs(follow=True))

    def test_tail_then_what_comes(self, client: outrider.Client, platform: Platform) -> None:
        platform.lines = [str(n) for n in range(20)]
        job = client.jobs.get(platform.add_job())
        assert [line.text for line in job.logs(tail=5)] == ["15", "16", "17", "18", "19"]
        assert [line.text for line in job.logs(tail=5, follow=True)] == ["15", "16", "17", "18", "19"]
        assert [line.text for line in job.logs(tail=0, follow=True)] == []

    def test_after_and_search(self, client: outrider.Client, platform: Platform) -> None:
        platform.lines = [str(n) for n in range(1, 31)]
        job = client.jobs.get(platform.add_job())
        assert [line.n for line in job.logs(after=25)] == [26, 27, 28, 29, 30]
        for follow in (False, True):
            assert [line.text for line in job.logs(search="3", follow=follow)] == ["3", "13", "23", "30"]
            assert [line.text for line in job.logs(search="3", tail=2, follow=follow)] == ["23", "30"]

    def test_points_come_once_although_the_service_sends_them_again(
        self, client: outrider.Client, platform: Platform
    ) -> None:
        platform.points = [points("loss", (1, 0.5), (2, 0.25)), points("loss", (1, 9), series="val")]
        job = client.jobs.get(platform.add_job())
        platform.cut_stream_after = [400, 450]
        found = [(p.series, x, y) for p in job.follow_metrics() for x, y in zip(p.x, p.y, strict=True)]
        assert found == [("", 1, 0.5), ("", 2, 0.25), ("val", 1, 9)]

    def test_waiting_gives_up_in_time_and_the_job_goes_on(self, client: outrider.Client, platform: Platform) -> None:
        platform.ends_after_s = 30
        job = client.jobs.get(platform.add_job())
        with pytest.raises(outrider.WaitTimeout):
            job.wait(timeout=0.2)
        assert job.refresh().status == "running"

    def test_waiting_raises_for_a_failed_job_if_asked(self, client: outrider.Client, platform: Platform) -> None:
        platform.outcome = {"status": "failed", "reason": "out_of_memory", "exit_code": 137}
        job = client.jobs.get(platform.add_job())
        assert job.wait().reason == "out_of_memory"
        with pytest.raises(outrider.JobFailed) as caught:
            job.wait(check=True)
        assert caught.value.exit_code == 137


class TestFiles:
    def test_a_download_is_resumed_and_appears_whole(
        self, client: outrider.Client, platform: Platform, tmp_path: Path
    ) -> None:
        body = bytes(range(256)) * 2000
        platform.artifacts = {"model.bin": body}
        job = client.jobs.get(platform.add_job())
        platform.cut_file_after = [100_000, 200_000, 0, 0]
        assert list(job.artifacts.download("model.bin", tmp_path)) == [tmp_path / "model.bin"]
        assert (tmp_path / "model.bin").read_bytes() == body
        assert [path.name for path in tmp_path.iterdir()] == ["model.bin"]
        ranges = [headers["Range"] for _, _, headers in platform.requests if "Range" in headers]
        assert ranges == ["bytes=100000-", "bytes=300000-", "bytes=300000-", "bytes=300000-"]

    def test_a_file_that_changes_meanwhile_is_taken_from_its_start(
        self, client: outrider.Client, platform: Platform, tmp_path: Path
    ) -> None:
        platform.artifacts = {"a": b"old" * 1000}
        job = client.jobs.get(platform.add_job())

        def change(path: str, done: int, total: int | None) -> None:
            platform.artifacts["a"], platform.etag = b"new" * 1000, '"two"'

        platform.cut_file_after = [1500]
        list(job.artifacts.download("a", tmp_path, change))
        assert (tmp_path / "a").read_bytes() == b"new" * 1000

    def test_a_download_that_fails_leaves_the_old_file(
        self, client: outrider.Client, platform: Platform, tmp_path: Path
    ) -> None:
        (tmp_path / "a").write_text("old")
        platform.artifacts = {"a": b"new" * 1000}
        job = client.jobs.get(platform.add_job())
        platform.cut_file_after = [5] + [0] * 20
        with pytest.raises(outrider.Unreachable):
            list(job.artifacts.download("a", tmp_path))
        assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]

    def test_a_directory_with_all_below(self, client: outrider.Client, platform: Platform, tmp_path: Path) -> None:
        platform.artifacts = {"a.txt": b"1", "run/b ü#?.txt": b"2", "run/deep/c.txt": b"3", "other": b"4"}
        job = client.jobs.get(platform.add_job())
        list(job.artifacts.download("run", tmp_path))
        assert below(tmp_path) == {"run/b ü#?.txt": b"2", "run/deep/c.txt": b"3"}
        list(job.artifacts.download("run/deep", tmp_path / "two"))
        assert below(tmp_path / "two") == {"deep/c.txt": b"3"}
        list(job.artifacts.download("", tmp_path / "all"))
        assert below(tmp_path / "all") == platform.artifacts

    def test_names_from_the_service_cannot_lead_out(
        self, client: outrider.Client, platform: Platform, tmp_path: Path
    ) -> None:
        platform.artifacts = {"../evil": b"x"}
        job = client.jobs.get(platform.add_job())
        with pytest.raises(outrider.OutriderError, match="leads out"):
            list(job.artifacts.download("", tmp_path / "in"))
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / "link").symlink_to(tmp_path)
        platform.artifacts = {"link/evil": b"x"}
        with pytest.raises(outrider.OutriderError, match="leads out"):
            list(job.artifacts.download("", tmp_path / "in"))
        assert not (tmp_path / "evil").exists()

    def test_to_a_pipe(self, client: outrider.Client, platform: Platform) -> None:
        platform.storage = {"a": b"abc"}
        out = io.BytesIO()
        assert client.storage.read_into("a", out) == 3
        assert out.getvalue() == b"abc"

    def test_storage_put_as_cp_does(self, client: outrider.Client, platform: Platform, tmp_path: Path) -> None:
        (tmp_path / "data" / "deep").mkdir(parents=True)
        (tmp_path / "data" / "a").write_bytes(b"1")
        (tmp_path / "data" / "deep" / "b").write_bytes(b"2")
        (tmp_path / "data" / "out").symlink_to("/etc/passwd")
        platform.fail("PUT", "/storage", "lose")
        assert list(client.storage.put(tmp_path / "data" / "a")) == ["a"]
        assert list(client.storage.put(tmp_path / "data" / "a", "b")) == ["b"]
        assert list(client.storage.put(tmp_path / "data" / "a", "new/")) == ["new/a"]
        assert list(client.storage.put(tmp_path / "data")) == ["data/a", "data/deep/b"]
        assert list(client.storage.put(tmp_path / "data", "data")) == ["data/data/a", "data/data/deep/b"]
        assert platform.storage["new/a"] == b"1"

    def test_storage_remove_asks_for_recursive(self, client: outrider.Client, platform: Platform) -> None:
        platform.storage = {"dir/a": b"1", "b": b"2"}
        with pytest.raises(outrider.OutriderError, match="is a directory"):
            client.storage.remove("dir")
        with pytest.raises(outrider.OutriderError, match="itself cannot be removed"):
            client.storage.remove("/", recursive=True)
        with pytest.raises(outrider.OutriderError, match="leads out"):
            client.storage.remove("dir/../..", recursive=True)
        client.storage.remove("dir", recursive=True)
        client.storage.remove("b")
        assert platform.storage == {}


class TestFinding:
    def test_by_prefix_and_last(self, client: outrider.Client, platform: Platform) -> None:
        for n in range(250):
            platform.add_job(owner="grace" if n > 240 else "ada")
        assert client.jobs.find("j000000000249").id == "j000000000249"
        assert client.jobs.find("@last").id == "j000000000240"
        with pytest.raises(outrider.InvalidRequest, match="matches 10 jobs"):
            client.jobs.find("j00000000001")
        with pytest.raises(outrider.NotFound):
            client.jobs.find("jx")
        with pytest.raises(outrider.NotFound):
            client.jobs.find("../me")

    def test_a_list_turns_pages_and_stops_at_its_limit(self, client: outrider.Client, platform: Platform) -> None:
        for _ in range(250):
            platform.add_job()
        assert len(list(client.jobs.list())) == 250
        assert [job.id for job in client.jobs.list(limit=2)] == ["j000000000249", "j000000000248"]


def below(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05+00:00"),
        ("2026-01-02T03:04:05.5Z", "2026-01-02T03:04:05.500000+00:00"),
        ("2026-01-02T03:04:05.123456789+02:00", "2026-01-02T03:04:05.123456+02:00"),
        ("nonsense", None),
    ],
)
def test_times(text: str, expected: str | None) -> None:
    moment = parse_time(text)
    assert (moment.isoformat() if moment else None) == expected
