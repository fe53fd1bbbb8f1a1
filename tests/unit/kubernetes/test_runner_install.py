"""The runner on the volume: there once, whole, however many starts want it at the same moment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from outrider_service.backends.kubernetes.runner_install import install


@pytest.mark.parametrize("trial", range(5))
def test_many_starts_at_once_make_it_once(tmp_path: Path, trial: int) -> None:
    together = threading.Barrier(8)

    def start(_number: int) -> Path:
        together.wait()
        return install(tmp_path, 1000)

    with ThreadPoolExecutor(8) as threads:
        (made,) = set(threads.map(start, range(8)))
    assert (made / "outrider_runner" / "__main__.py").is_file()
    assert (made / "start").is_file()
    assert made.stat().st_mode & 0o777 == 0o755
    assert list(made.parent.iterdir()) == [made]
