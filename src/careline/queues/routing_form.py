"""The routing form: a queue's rules as fields with dotted names, and back. Pure.

`rings.0.after_seconds` is the field of that name in the first ring. A row whose first field is empty is no row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Rows of each list on the form, and the field without which a row is none.
ROWS: Mapping[str, tuple[int, str]] = {
    "rings": (4, "after_seconds"),
    "reserve": (2, "wait_above"),
    "overflow": (5, "measure"),
}
#: Fields that are ticked or not.
_TICKS = (
    "rings_frozen", "idle_reset_by_outbound", "callback.offered", "callback.schedulable", "callback.machines",
    "leave.when_empty", "announce.position", "announce.wait", "announce.only_if_improved", "join.keep", "leave.keep",
)  # fmt: skip
#: Fields that are words even when they look like numbers.
_WORDS = frozenset(
    {"strategy", "requirement", "to", "number", "target", "formula", "since", "mode", "when_empty", "measure", "at"}
)


def read(fields: Mapping[str, str]) -> dict[str, Any]:
    """The body of the rules from the form's fields. Raises `ValueError` naming a field that is not a number."""
    body: dict[str, Any] = {}
    for name, text in fields.items():
        parts = name.split(".")
        if text.strip() and (
            parts[0] not in ROWS or fields.get(f"{parts[0]}.{parts[1]}.{ROWS[parts[0]][1]}", "").strip()
        ):
            _put(body, parts, text.strip())
    for name in _TICKS:
        parts = name.split(".")
        if parts[-1] != "keep":
            _put(body, parts, name in fields)
    for name, (most, _first) in ROWS.items():
        rows = body.get(name, {})
        body[name] = [rows[str(n)] for n in range(most) if str(n) in rows]
    for ring in body["rings"]:
        ring["drop"] = str(ring.get("drop", "")).replace(",", " ").split()
        # The agent's language is asked for or dropped from this ring on; unsaid, it stays as the queue has it.
        if ring.pop("any_language", None):
            ring["language"] = False
    for rule in body["overflow"]:
        rule["target"] = _target(rule.pop("target", "voicemail"), rule.pop("number", ""), bool(rule.pop("keep", False)))
    for side in ("join", "leave"):
        where = body.setdefault(side, {})
        where["target"] = _target(
            where.pop("target", "voicemail"), where.pop("number", ""), bool(where.pop("keep", False))
        )
    body["max_wait"] = dict(body.get("max_wait", {}))
    return body


def _put(body: dict[str, Any], parts: list[str], value: str | bool) -> None:
    for part in parts[:-1]:
        body = body.setdefault(part, {})
    name = parts[-1]
    body[name] = value if isinstance(value, bool) or name in _WORDS or name == "drop" else _number(name, value)


def _number(name: str, text: str) -> int | float | bool:
    if text == "on":
        return True
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        raise ValueError(name) from None


def _target(choice: str, number: str, keep: bool) -> dict[str, Any]:
    kind, _, to = choice.partition(":")
    return {"kind": kind, "to": number if kind == "outside" else to, "keep_place": keep}


def chosen(target: Mapping[str, Any]) -> str:
    """The value of the form's choice of a target."""
    return f"{target['kind']}:{target['to']}" if target["kind"] in ("queue", "site") else str(target["kind"])
