"""Parts of an attempt that every platform shares, except for the paths."""

from __future__ import annotations

from ..storage.directories import Directories
from .base import Attempt, BackendError


def check_nodes(attempt: Attempt, most: int) -> None:
    """Raises BackendError for more machines than the platform gives one job."""
    if attempt.nodes > most:
        raise BackendError(f"{attempt.nodes} machines are asked for; this platform runs a job on at most {most}")


def check_inputs(attempt: Attempt, directories: Directories) -> None:
    """Raises BackendError if an input's artifacts have been deleted since the job was accepted. Reads the disk."""
    for name, job_id in attempt.submission.inputs.items():
        if not directories.artifacts(job_id).is_dir():
            raise BackendError(f"the input {name} is gone: job {job_id} has been deleted")


def directory_variables(
    artifacts: str = "/artifacts", storage: str = "/storage", datasets: str = "/datasets"
) -> dict[str, str]:
    """The variables with a job's directories, including Gradient's names."""
    return {
        "OUTRIDER_ARTIFACTS": artifacts,
        "OUTRIDER_STORAGE": storage,
        "OUTRIDER_DATASETS": datasets,
        "PS_ARTIFACTS": artifacts,
        "PS_JOBSPACE": storage,
        "PS_DATASETS": datasets,
    }
