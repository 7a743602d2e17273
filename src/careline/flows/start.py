"""With what a rehearsed call begins: who calls where, when, and what the tables say. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from careline.flows.model import FlowError
from careline.flows.moves import Door


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """With what a rehearsed call begins."""

    language: str = "en"
    door: Door = "open"
    at: datetime = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
    zone: str = "UTC"
    #: `caller.number`, `caller.known`, `line.name`, `line.number`, `channel`.
    facts: Mapping[str, Any] = field(default_factory=dict)
    #: Table -> key -> row; these are seen instead of the real tables.
    tables: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    #: Calendar by name -> open; the real ones for those not named.
    calendars: Mapping[str, bool] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Start:
        """From JSON. Raises `FlowError` for what cannot be read."""
        try:
            zone = str(body.get("zone") or "UTC")
            local = datetime.fromisoformat(str(body.get("time") or "2026-03-02T15:00"))
            at = local if local.tzinfo else local.replace(tzinfo=ZoneInfo(zone))
            door = str(body.get("door") or "open")
            if door not in ("open", "closed", "closure"):
                raise ValueError("the door is open, closed or closure")
            facts = {
                "caller.number": body.get("number"),
                "caller.known": bool(body.get("known", False)),
                "caller.anonymous": not body.get("number"),
                "line.name": body.get("line_name", ""),
                "line.number": body.get("line", ""),
                "channel": str(body.get("channel") or "voice"),
            }
            return cls(
                language=str(body.get("language") or "en"),
                door=door,  # type: ignore[arg-type]  # one of the three, as checked above
                at=at.astimezone(UTC),
                zone=zone,
                facts=facts,
                tables={
                    str(table): {str(key): dict(row) for key, row in dict(rows).items()}
                    for table, rows in dict(body.get("tables") or {}).items()
                },
                calendars={str(k): _open(v) for k, v in dict(body.get("calendars") or {}).items()},
                variables=dict(body.get("variables") or {}),
            )
        except (ValueError, TypeError, AttributeError, OverflowError, ZoneInfoNotFoundError) as error:
            raise FlowError(f"The start of the call cannot be read: {error}.") from error


def _open(value: Any) -> bool:
    return value is True or value == "open"
