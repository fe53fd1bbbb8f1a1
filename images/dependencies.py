"""Prints what the given pyproject.toml files depend on, but for Outrider's own distributions, one a line."""

import sys
import tomllib
from pathlib import Path

for name in sys.argv[1:]:
    for line in tomllib.loads(Path(name).read_text())["project"]["dependencies"]:
        if not line.startswith("outrider"):
            sys.stdout.write(line + "\n")
