"""Writes docs/openapi.json from the service's route table; a test holds it current."""

from __future__ import annotations

import json
from pathlib import Path

from outrider_service.api.openapi import document
from outrider_service.app import ROUTES

if __name__ == "__main__":
    target = Path(__file__).with_name("openapi.json")
    target.write_text(json.dumps(document(ROUTES, "/services/outrider/api/v1"), indent=1, ensure_ascii=False) + "\n")
