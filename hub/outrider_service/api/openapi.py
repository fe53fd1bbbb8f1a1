"""The OpenAPI 3.1 document, generated from the route table and the models in ``schema``."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from .. import __version__
from ..auth import IDENTIFIED, PUBLIC
from ..schema.resources import Problem
from .routing import Route

REF = "#/components/schemas/{model}"
PATTERNS = {
    "job_id": "^j[0-9a-z]{12}$",
    "snapshot_id": "^sha256:[0-9a-f]{64}$",
}
UNIVERSAL = {
    "400": "malformed",
    "401": "no valid token",
    "403": "not allowed",
    "404": "not found, or not yours",
    "429": "the user's limit is reached; the message says which one, `Retry-After` when to try again",
}


def document(routes: list[Route], base: str) -> dict[str, Any]:
    """The description of the API at ``base``."""
    models: list[type[BaseModel]] = [Problem]
    for route in routes:
        models += [model for model in (route.request, route.response) if model is not None]
    unique = list(dict.fromkeys(models))
    names, definitions = models_json_schema([(model, "validation") for model in unique], ref_template=REF)
    refs = {model: names[model, "validation"] for model in unique}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Outrider",
            "version": __version__,
            "description": "Jobs, logs, metrics and files.",
        },
        "servers": [{"url": base}],
        "security": [{"token": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`token <JupyterHub token>`",
                }
            },
        },
    }


def _operation(route: Route, refs: dict[type[BaseModel], dict[str, Any]]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "responses": _responses(route, refs),
    }
    if route.scope not in (IDENTIFIED, PUBLIC):
        operation["description"] = f"Needs the scope `{route.scope}`."
    if route.scope == PUBLIC:
        operation["security"] = []
    parameters = [_path_parameter(name) for name in re.findall(r"\{(\w+)\}", route.path)]
    if route.query is not None:
        parameters += _query_parameters(route.query)
    if route.path == "/jobs" and route.method == "POST":
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        )
    if parameters:
        operation["parameters"] = parameters
    if route.request is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": refs[route.request]}},
        }
    elif route.streams_body:
        kind = "application/zip" if route.path == "/snapshots" else "application/octet-stream"
        operation["requestBody"] = {"required": True, "content": {kind: {}}}
    return operation


def _responses(route: Route, refs: dict[type[BaseModel], dict[str, Any]]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "done"}
    if route.response is not None:
        success = {
            "description": route.summary,
            "content": {"application/json": {"schema": refs[route.response]}},
        }
        if route.events:
            success["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    elif route.status != 204:
        success = {"description": route.summary, "content": {route.media: {}}}
    found = {str(route.status): success}
    if route.status == 201:
        found["200"] = success
    for status, meaning in UNIVERSAL.items():
        found[status] = _problem(meaning, refs)
    found["4XX"] = _problem("invalid; the message says why, `field` where", refs)
    found["5XX"] = _problem("the service, the Hub or the disk failed", refs)
    return found


def _problem(meaning: str, refs: dict[type[BaseModel], dict[str, Any]]) -> dict[str, Any]:
    return {"description": meaning, "content": {"application/json": {"schema": refs[Problem]}}}


def _path_parameter(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "minLength": 1}
    if name in PATTERNS:
        schema["pattern"] = PATTERNS[name]
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(ref_template=REF)
    definitions = schema.get("$defs", {})
    return [
        {"name": name, "in": "query", "required": False, "schema": _inline(part, definitions)}
        for name, part in schema.get("properties", {}).items()
    ]


def _inline(part: Any, definitions: dict[str, Any]) -> Any:
    """A model's fields as query parameters, which have neither null nor references."""
    if isinstance(part, list):
        return [_inline(p, definitions) for p in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _inline(definitions[part["$ref"].rsplit("/", 1)[-1]], definitions)
    if "anyOf" in part:
        real = [p for p in part["anyOf"] if p.get("type") != "null"]
        if len(real) == 1:
            return _inline(real[0], definitions)
    return {k: _inline(v, definitions) for k, v in part.items() if k not in ("title", "default")}


def _operation_id(route: Route) -> str:
    words = re.sub(r"[{}]", "", route.path).strip("/").replace("/", "_") or "root"
    return f"{route.method.lower()}_{words}"
