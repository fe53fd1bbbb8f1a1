"""Where a machine cannot keep users apart, the first one has it alone.

May write one file below the state directory. The service reads the same file for jobs.
"""

from __future__ import annotations

import os
from pathlib import Path

FILE = "plain-user"


def only_user(home: Path, user: str) -> str:
    """The one user of this machine: whoever came first, possibly now."""
    path = home / FILE
    temporary = home / f".{FILE}.{os.getpid()}"
    temporary.write_text(user)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink(missing_ok=True)
    return path.read_text()
