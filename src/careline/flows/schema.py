"""The JSON schema of the flow language, made from the table of kinds: for editors and for programs that write flows.

The published copy is `schema.json` beside this file, kept equal by a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from careline.flows.kinds import FACTORS, KINDS, VARIABLE_TYPES, Field, Kind
from careline.flows.reading import FORMAT

ID = "https://careline.invalid/schemas/flow-1.json"


def schema() -> dict[str, Any]:
    """The whole schema (JSON Schema 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "Careline flow",
        "description": "What callers meet: named nodes, each with its kind, its fields and its ways out.",
        "type": "object",
        "required": ["careline", "start", "nodes"],
        "additionalProperties": False,
        "properties": {
            "careline": {"const": FORMAT},
            "name": {"type": "string", "maxLength": 100},
            "description": {"type": "string"},
            "languages": {"type": "array", "items": {"$ref": "#/$defs/language"}, "uniqueItems": True},
            "start": {"$ref": "#/$defs/target"},
            "variables": {"type": "object", "additionalProperties": {"$ref": "#/$defs/variable"}},
            "nodes": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in KINDS]},
            },
            "tests": {"type": "array", "items": {"$ref": "#/$defs/test"}},
        },
        "$defs": {**_SHARED, **{kind.name: _kind(kind) for kind in KINDS.values()}},
    }


def _kind(kind: Kind) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "kind": {"const": kind.name},
        "exits": {"type": "object", "maxProperties": 0},
        "at": {"description": "Where an editor draws it.", "type": "array", "items": {"type": "number"}},
    }
    properties |= {field.name: _field(field) for field in kind.fields}
    ways = (*kind.exits, *kind.optional)
    if ways or kind.free:
        exits: dict[str, Any] = {"type": "object", "additionalProperties": False}
        exits["properties"] = {name: {"$ref": "#/$defs/target"} for name in ways}
        if kind.free:
            exits = {"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#/$defs/target"}}
        properties["exits"] = exits
    if "next" in kind.exits:
        properties["next"] = {"$ref": "#/$defs/target"}
    needed = ["kind", *(field.name for field in kind.fields if field.needed)]
    others = [name for name in kind.exits if name != "next"]
    if others or kind.free:
        needed.append("exits")
        properties["exits"]["required"] = others
    made = {
        "description": kind.doc,
        "type": "object",
        "required": needed,
        "properties": properties,
        "additionalProperties": False,
    }
    if "next" in kind.exits:
        in_exits = {"required": ["exits"], "properties": {"exits": {"required": ["next"]}}}
        made["anyOf"] = [{"required": ["next"]}, in_exits]
    return made


def _field(field: Field) -> dict[str, Any]:
    made: dict[str, Any]
    match field.type:
        case "number" | "integer":
            made = {"type": field.type}
            if field.least is not None:
                made["minimum"] = field.least
            if field.most is not None:
                made["maximum"] = field.most
        case "boolean":
            made = {"type": "boolean"}
        case "choice":
            made = {"enum": list(field.choices)}
        case "prompts" | "options" | "cases" | "factors" | "values" | "into" | "value" | "key" | "condition":
            made = {"$ref": f"#/$defs/{field.type}"}
        case "variable":
            made = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"}
        case _:
            made = {"type": "string", "minLength": 1} if field.needed else {"type": "string"}
    made = {"description": field.doc, **made}
    return {**made, "default": field.default} if field.default is not None else made


_TARGET: Mapping[str, Any] = {"$ref": "#/$defs/target"}
_BY_LANGUAGE: Mapping[str, Any] = {
    "oneOf": [{"type": "string"}, {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}}]
}
_SHARED: Mapping[str, Any] = {
    "target": {"description": "The name of a node.", "type": "string", "minLength": 1},
    "language": {"type": "string", "pattern": "^[a-z]{2,3}$"},
    "key": {"description": "A key of a telephone.", "type": "string", "pattern": "^[0-9*#]$"},
    "condition": {"description": "An expression.", "type": ["string", "boolean"], "maxLength": 500},
    "value": {
        "description": "A value; a text that begins with = is an expression.",
        "type": ["string", "number", "boolean", "null", "array"],
    },
    "values": {"type": "object", "additionalProperties": {"$ref": "#/$defs/value"}},
    "into": {"type": "object", "additionalProperties": {"type": "string"}},
    "variable": {
        "oneOf": [
            {"$ref": "#/$defs/value"},
            {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "type": {"enum": list(VARIABLE_TYPES)},
                    "default": {"$ref": "#/$defs/value"},
                    "secret": {"type": "boolean"},
                    "shown": {"type": "boolean"},
                },
            },
        ]
    },
    "prompt": {
        "oneOf": [
            {"description": "A prompt of the catalogue.", "type": "string", "minLength": 1},
            {
                "type": "object",
                "required": ["text"],
                "properties": {"text": _BY_LANGUAGE},
                "additionalProperties": False,
            },
            {
                "type": "object",
                "required": ["recording"],
                "properties": {"recording": _BY_LANGUAGE},
                "additionalProperties": False,
            },
            {"type": "object", "required": ["key"], "properties": {"key": {"type": "string"}}},
        ]
    },
    "prompts": {
        "oneOf": [{"$ref": "#/$defs/prompt"}, {"type": "array", "items": {"$ref": "#/$defs/prompt"}}],
    },
    "options": {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"$ref": "#/$defs/key"},
        "additionalProperties": {
            "oneOf": [
                _TARGET,
                {
                    "type": "object",
                    "required": ["next"],
                    "additionalProperties": False,
                    "properties": {
                        "next": _TARGET,
                        "reason": {"type": "string"},
                        "language": {"$ref": "#/$defs/language"},
                        "requirement": {"description": "A skill expression.", "type": "string"},
                        "phrases": {
                            "type": "object",
                            "additionalProperties": {
                                "oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
                            },
                        },
                    },
                },
            ]
        },
    },
    "cases": {
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "required": ["when", "next"],
            "additionalProperties": False,
            "properties": {"when": {"$ref": "#/$defs/condition"}, "next": _TARGET},
        },
    },
    "factors": {
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "required": ["name", "prompts"],
            "additionalProperties": False,
            "properties": {
                "name": {"enum": list(FACTORS)},
                "prompts": {"$ref": "#/$defs/prompts"},
                "least": {"type": "integer", "minimum": 1, "maximum": 40},
                "most": {"type": "integer", "minimum": 1, "maximum": 40},
            },
        },
    },
    "test": {
        "description": "A call played through the flow on virtual time, and what must come of it.",
        "type": "object",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string"},
            "start": {"type": "object"},
            "answers": {"type": "object"},
            "steps": {"type": "array"},
            "expect": {"type": "object"},
        },
    },
}
