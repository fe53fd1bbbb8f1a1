"""What differs between two descriptions of an HTTP API that would break a client of the older one. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]


def breaking(old: Document, new: Document) -> list[str]:
    """A sentence for each breaking difference."""
    return list(_breaking(old, new))


def _breaking(old: Document, new: Document) -> Iterator[str]:
    for path, methods in old["paths"].items():
        for method, operation in methods.items():
            where = f"{method.upper()} {path}"
            other = new["paths"].get(path, {}).get(method)
            if other is None:
                yield f"{where} is gone"
                continue
            yield from _parameters(where, operation, other)
            yield from _bodies(where, old, operation, new, other)


def _parameters(where: str, old: Document, new: Document) -> Iterator[str]:
    before = {(p["in"], p["name"]): p for p in old.get("parameters", [])}
    after = {(p["in"], p["name"]): p for p in new.get("parameters", [])}
    for kind, name in before.keys() - after.keys():
        yield f"{where}: the {kind} parameter {name} is gone"
    for key, parameter in after.items():
        if parameter.get("required") and not before.get(key, {}).get("required"):
            yield f"{where}: the {key[0]} parameter {key[1]} is required now"


def _bodies(where: str, old: Document, before: Document, new: Document, after: Document) -> Iterator[str]:
    asked, asks = _schema(before.get("requestBody")), _schema(after.get("requestBody"))
    if asked is not None and asks is not None:
        yield from _request(f"{where}, request", _Schema(old, asked), _Schema(new, asks), frozenset())
    for status, answer in before.get("responses", {}).items():
        if not status.startswith("2"):
            continue
        if status not in after.get("responses", {}):
            yield f"{where}: it no longer answers {status}"
            continue
        said, says = _schema(answer), _schema(after["responses"][status])
        if said is not None and says is not None:
            yield from _answer(f"{where}, answer", _Schema(old, said), _Schema(new, says), frozenset())


def _schema(holder: Document | None) -> Document | None:
    found: Document | None = (holder or {}).get("content", {}).get("application/json", {}).get("schema")
    return found


class _Schema:
    """A schema with the document in which its references are looked up."""

    def __init__(self, document: Document, schema: Document) -> None:
        self.document = document
        self.name = schema.get("$ref", "")
        while "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        self.schema = schema

    def properties(self) -> dict[str, _Schema]:
        return {name: _Schema(self.document, part) for name, part in self.schema.get("properties", {}).items()}

    @property
    def required(self) -> set[str]:
        return set(self.schema.get("required", []))

    @property
    def types(self) -> set[str]:
        """The JSON types that a value may have; empty: any."""
        if "anyOf" in self.schema or "oneOf" in self.schema:
            parts = self.schema.get("anyOf") or self.schema.get("oneOf") or []
            found = [_Schema(self.document, part).types for part in parts]
            return set() if not all(found) else set().union(*found)
        kind = self.schema.get("type")
        if kind == "integer":
            return {"number"}
        return {kind} if isinstance(kind, str) else set(kind or ())

    @property
    def values(self) -> set[Any]:
        return set(self.schema.get("enum", []))

    def items(self) -> _Schema | None:
        part = self.schema.get("items")
        return _Schema(self.document, part) if isinstance(part, dict) else None


def _request(where: str, old: _Schema, new: _Schema, seen: frozenset[str]) -> Iterator[str]:
    """What was accepted must still be."""
    if old.name and old.name in seen:
        return
    seen = seen | {old.name}
    if new.types and not old.types <= new.types:
        yield f"{where}: {', '.join(sorted(old.types - new.types)) or 'any type'} is no longer accepted"
    if new.values and not old.values <= new.values:
        yield f"{where}: {sorted(map(str, old.values - new.values))} are no longer accepted"
    before, after = old.properties(), new.properties()
    for name in sorted(before.keys() - after.keys()):
        yield f"{where}: the field {name} is gone"
    for name in sorted(new.required - old.required):
        yield f"{where}: the field {name} is required now"
    for name in sorted(before.keys() & after.keys()):
        yield from _request(f"{where}.{name}", before[name], after[name], seen)
    if (one := old.items()) is not None and (other := new.items()) is not None:
        yield from _request(f"{where}[]", one, other, seen)


def _answer(where: str, old: _Schema, new: _Schema, seen: frozenset[str]) -> Iterator[str]:
    """What was relied on must still be there."""
    if old.name and old.name in seen:
        return
    seen = seen | {old.name}
    if old.types and not new.types <= old.types:
        yield f"{where}: it may be {', '.join(sorted(new.types - old.types))} now"
    before, after = old.properties(), new.properties()
    for name in sorted(before.keys() - after.keys()):
        yield f"{where}: the field {name} is gone"
    for name in sorted((old.required & before.keys() & after.keys()) - new.required):
        yield f"{where}: the field {name} may be missing now"
    for name in sorted(before.keys() & after.keys()):
        yield from _answer(f"{where}.{name}", before[name], after[name], seen)
    if (one := old.items()) is not None and (other := new.items()) is not None:
        yield from _answer(f"{where}[]", one, other, seen)
