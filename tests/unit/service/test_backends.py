"""Which platforms the service makes: a new one is a package that the operator names."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from outrider_service.catalog.configured import LocalCapacity
from outrider_service.service import Service, Settings
from outrider_service.storage.directories import Directories


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "outrider_elsewhere.py").write_text(
        textwrap.dedent(
            """
            from types import SimpleNamespace

            def make_backend(context):
                if context.options.get("elsewhere") is None:
                    return None
                return SimpleNamespace(cluster=context.options["elsewhere"], room=None, taken=context.taken)
            """
        )
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "outrider_elsewhere.make_backend"
    sys.modules.pop("outrider_elsewhere", None)


def made(tmp_path: Path, *names: str, **options: Any) -> dict[str, Any]:
    settings = Settings(
        home=tmp_path / "home",
        database="",
        catalog=tmp_path / "catalog.yaml",
        prefix="/services/outrider/",
        public_url="http://127.0.0.1:8000",
        apps_origin="http://localhost:8004",
        hub_address=None,
        cull_timeout_s=0,
        auth_cache_s=10,
        isolation="plain",
    )
    settings = replace(settings, backends=names or settings.backends, backend_options=options)
    directories = Directories(settings.home)
    directories.make()
    service: Any = SimpleNamespace(
        settings=settings, directories=directories, configured=SimpleNamespace(local=LocalCapacity())
    )
    return dict(Service._make_backends(service))


def test_a_platform_from_elsewhere_is_named_and_made(tmp_path: Path, plugin: str) -> None:
    found = made(tmp_path, plugin, "outrider_service.backends.local.make_backend", elsewhere="slurm")
    assert list(found) == ["slurm", "default"]


def test_one_that_is_not_configured_is_left_out(tmp_path: Path, plugin: str) -> None:
    assert list(made(tmp_path, plugin, "outrider_service.backends.local.make_backend")) == ["default"]


def test_one_that_takes_this_machines_name_takes_its_place(tmp_path: Path, plugin: str) -> None:
    assert list(made(tmp_path, plugin, "outrider_service.backends.local.make_backend", elsewhere="default")) == [
        "default"
    ]


def test_by_itself_the_service_runs_jobs_on_this_machine(tmp_path: Path) -> None:
    found = made(tmp_path)
    assert list(found) == ["default"]
    assert found["default"].room.cpu >= 1


def test_a_name_that_cannot_be_imported_says_so(tmp_path: Path) -> None:
    with pytest.raises(ImportError, match="no_such_platform"):
        made(tmp_path, "no_such_platform.make_backend")
