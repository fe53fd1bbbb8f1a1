"""Installs the runner on the platform's volume, where every job's pod mounts it: no init container has to copy it."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from ..runner_files import pynvml_file, runner_directory


def install(home: Path, uid: int) -> Path:
    """The directory of this version of the runner, created once and never changed under a running job."""
    source, nvml = runner_directory(), pynvml_file()
    files = {f"outrider_runner/{path.name}": path for path in sorted(source.iterdir()) if path.is_file()}
    files["start"] = source / "start"
    if nvml is not None:
        files[f"nvml/{nvml.name}"] = nvml
    digest = hashlib.sha256()
    for name, path in files.items():
        digest.update(name.encode() + b"\0" + path.read_bytes())
    target = home / "runner" / digest.hexdigest()[:16]
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    fresh.chmod(0o755)
    for name, path in files.items():
        place = fresh / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    if os.geteuid() == 0:
        for path in [fresh, *fresh.rglob("*")]:
            os.chown(path, uid, uid)
    try:
        # Atomically.
        fresh.rename(target)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
        # Another start was faster; its result is the same.
        shutil.rmtree(fresh)
    return target
