"""Who has which uid."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from outrider_sandbox import UIDS, UserIds, uid_range


def test_ranges() -> None:
    assert uid_range("3000-3002") == range(3000, 3003)
    assert uid_range("none") is None
    default = uid_range(UIDS)
    assert default is not None and len(default) == 65536


@pytest.mark.parametrize("text", ["", "3000", "0-5", "3002-3000", "a-b", "3000-٣٠٠١", "1000-4294967295", "-1-5"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="uids"):
        uid_range(text)


def test_everybody_has_one_and_keeps_it(tmp_path: Path) -> None:
    ids = UserIds(tmp_path / "uids.json", range(3000, 3010))
    assert [ids.of("alice"), ids.of("bob"), ids.of("alice")] == [3000, 3001, 3000]
    other_range = UserIds(tmp_path / "uids.json", range(3001, 3010))
    assert [other_range.of("alice"), other_range.of("carol")] == [3000, 3002]
    assert (tmp_path / "uids.json").stat().st_mode & 0o077 == 0


def test_many_at_once_get_different_ones(tmp_path: Path) -> None:
    names = [f"u{n % 20}" for n in range(100)]
    with ThreadPoolExecutor(8) as threads:
        given = list(threads.map(lambda name: UserIds(tmp_path / "uids.json", range(3000, 3100)).of(name), names))
    assert len(set(given)) == 20
    assert len(set(zip(names, given, strict=True))) == 20


def test_a_range_that_is_used_up_is_said(tmp_path: Path) -> None:
    ids = UserIds(tmp_path / "uids.json", range(3000, 3001))
    ids.of("alice")
    with pytest.raises(OSError, match="OUTRIDER_UIDS"):
        ids.of("bob")
    assert ids.of("alice") == 3000


@pytest.mark.parametrize("content", ["", "[]", '{"alice": "3000"}', '{"alice": true}', "\xff"])
def test_a_damaged_file_gives_nobody_the_uid_of_another(tmp_path: Path, content: str) -> None:
    (tmp_path / "uids.json").write_text(content)
    with pytest.raises(OSError, match="damaged"):
        UserIds(tmp_path / "uids.json", range(3000, 3010)).of("bob")
    assert (tmp_path / "uids.json").read_text() == content
    (tmp_path / "uids.json").write_text(json.dumps({}))
    assert UserIds(tmp_path / "uids.json", range(3000, 3010)).of("bob") == 3000
