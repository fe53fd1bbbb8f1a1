"""Write docs/openapi.json from the service's own routes: ``python docs/generate_openapi.py``.

The front end's types are generated from this file; a test holds it against the code.
"""

from __future__ import annotations

import json
from pathlib import Path

from outrider_service.api.openapi import document
from outrider_service.app import ROUTES

TARGET = Path(__file__).with_name("openapi.json")
BASE = "/services/outrider/api/v1"


def page() -> str:
    """The description as it is kept."""
    return json.dumps(document(ROUTES, BASE), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    TARGET.write_text(page())
