"""The pages' one HTML file: what is written into it, and what never can be."""

from pathlib import Path

import pytest

from outrider_service.portal.page import BASE_MARK, POLICY, Place, fill, is_page, template

PAGE = f"<html><head>{BASE_MARK}<title>x</title></head></html>"


def test_the_page_knows_where_it_is_and_for_whom() -> None:
    text = fill(PAGE, Place("/hub2/services/outrider/", "/hub2/hub/", "alice"))
    assert '<base href="/hub2/services/outrider/static/" />' in text
    assert '<meta name="outrider-user" content="alice" />' in text
    assert BASE_MARK not in text
    assert "outrider-admin" not in text
    assert '<meta name="outrider-admin"' in fill(PAGE, Place("/", "/hub/", "root", admin=True))


def test_a_name_never_becomes_markup() -> None:
    text = fill(PAGE, Place("/", "/hub/", '"><script>alert(1)</script>'))
    assert "<script>" not in text
    assert "&quot;&gt;&lt;script&gt;" in text


def test_nothing_inline_and_nothing_from_elsewhere_may_run() -> None:
    assert "default-src 'self'" in POLICY
    assert "unsafe" not in POLICY
    assert "frame-ancestors 'none'" in POLICY


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("", True),
        ("jobs", True),
        ("jobs/", True),
        ("jobs/j0123456789ab/log", True),
        ("jobless", False),
        ("x/jobs", False),
    ],
)
def test_addresses_of_pages(path: str, known: bool) -> None:
    assert is_page(path) is known


def test_the_built_page_has_its_mark_and_no_inline_script() -> None:
    text = template()
    if text is None:
        pytest.skip("the pages are not built (make .make/ui)")
    assert BASE_MARK in text
    assert "<script>" not in text
    assert "<style" not in text


def test_without_a_build_there_is_no_page(tmp_path: Path) -> None:
    assert template(tmp_path) is None
