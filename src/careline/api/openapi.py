"""The description of the public API, completed: how to sign in, and what every refusal looks like.

Litestar describes each handler's success; what can go wrong is the same everywhere and is added here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong (RFC 9457). Programs may rely on `id` and `status`; sentences may change.",
    "required": ["type", "id", "title", "status", "detail", "retryable"],
    "properties": {
        "type": {"type": "string", "format": "uri", "examples": ["urn:careline:error:not-found"]},
        "id": {"type": "string", "description": "Stable; never renamed.", "examples": ["not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "retryable": {"type": "boolean", "description": "Whether the same request may succeed later."},
        "request_id": {"type": "string", "description": "Tell it to your administrator."},
    },
    "additionalProperties": True,
}
_REFUSALS = {
    "400": "The request is not valid; nothing was changed.",
    "401": "No valid API token, or the session is over or locked.",
    "403": "The token or person may not do this.",
    "404": "There is nothing here, or it may not be seen.",
    "409": "The state has changed meanwhile; nothing was done.",
    "429": "Too many requests; wait the seconds of `Retry-After`.",
    "503": "A part of Careline is not available just now; repeat later.",
}
_CHANGING = ("post", "put", "patch", "delete")
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Anything unique. The same request sent again with it within a day is done once, and gets the same"
    " answer; another request with it is refused (`idempotency-key-reused`).",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
}


def complete(schema: dict[str, Any]) -> dict[str, Any]:
    """The description with problems, signing in and idempotency keys. Works on a copy of what it changes."""
    components = dict(schema.get("components", {}))
    components["schemas"] = {**components.get("schemas", {}), "Problem": PROBLEM}
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "An API token, made on the page API tokens."}
    }
    paths = {path: dict(item) for path, item in schema.get("paths", {}).items()}
    for item, method in _operations(paths):
        item[method] = _operation(item[method], changing=method in _CHANGING)
    return {**schema, "components": components, "paths": paths, "security": [{"token": []}]}


def _operations(paths: dict[str, dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    for item in paths.values():
        for method in [m for m in item if m in ("get", *_CHANGING)]:
            yield item, method


def _operation(operation: dict[str, Any], *, changing: bool) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refusals = {status: {"description": words, "content": content} for status, words in _REFUSALS.items()}
    refusals["default"] = {"description": "Any other refusal or failure.", "content": content}
    found = {**operation, "responses": {**operation.get("responses", {}), **refusals}}
    if changing:
        found["parameters"] = [*operation.get("parameters", []), _IDEMPOTENCY_KEY]
    return found
