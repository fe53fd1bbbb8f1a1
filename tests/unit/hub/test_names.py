"""Names of notebooks are those that JupyterHub takes."""

from __future__ import annotations

import pytest
from jupyterhub.slugs import is_valid_safe_slug

from outrider_hub.pages.home import is_name


@pytest.mark.parametrize(
    "name", ["", "a", "-", "a-b", "a--b", "-a", "a-", "A", "ä", "1a", "a1", "a_b", "a b", "a\n", "a" * 30, "a" * 31]
)
def test_a_name_is_taken_where_jupyterhub_takes_it(name: str) -> None:
    assert is_name(name) == is_valid_safe_slug(name)
