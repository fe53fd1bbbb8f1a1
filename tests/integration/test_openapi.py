"""The OpenAPI description holds against the running service."""

from __future__ import annotations

from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from outrider_service.api.openapi import document
from outrider_service.app import ROUTES
from tests.integration.harness import PREFIX, ServiceProcess, User

DESCRIPTION = document(ROUTES, f"{PREFIX}api/v1")

# Snapshot uploads and file contents are bytes, which test_files.py covers; a spawn belongs to the Hub's identity.
schema = schemathesis.openapi.from_dict(DESCRIPTION).exclude(path_regex=r"/spawns/|/snapshots$", method="POST")


def test_the_service_serves_it(service: ServiceProcess) -> None:
    served = httpx.get(f"{service.base}/openapi.json")
    assert served.json() == DESCRIPTION
    assert served.json()["openapi"].startswith("3.1")


@schema.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_described(case: Any, service: ServiceProcess, alice: User) -> None:
    case.call_and_validate(
        base_url=service.base,
        headers={"Authorization": "token alice-token"},
        checks=[not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance],
        timeout=20,
    )
