"""Structured logs that cannot hold a patient's name: static sentences, and identifiers under known keys.

The rule is enforced three times. A lint (tests/unit/test_log_lint.py) refuses log calls whose text is computed or whose
keys are not in `ALLOWED`. The formatter drops unknown keys, withholds values that are no plain token, never prints a
message's arguments, and prints exceptions without their text: what an exception says may quote what a caller said.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Literal, TextIO
from uuid import UUID

from careline.kernel.errors import CarelineError

#: Keys of `extra={...}` that are written. Identifiers, counts, codes: never what a person said, wrote or is called.
ALLOWED = frozenset(
    {
        "agent_id", "attempt", "attempts", "bridge", "bytes", "call", "call_id", "cause", "channel", "code",
        "command", "component", "count", "cursor", "database", "department_id", "document", "due", "endpoint",
        "error", "errors", "event_id", "event_kind", "exit_code", "file_name", "flow_id", "generation",
        "holder", "host", "http_method", "http_status", "interval", "job", "kind", "lag", "language", "lease",
        "leg", "line_id", "location_id", "message_id", "method", "migration", "ms", "object_id",
        "object_type", "order_id", "patients", "permission", "person_id", "pid", "playback", "port",
        "process_name", "provider_id", "queue_id", "reason", "recording", "recording_id", "request_id",
        "role", "route", "rows", "seconds", "session_id", "setting", "signal", "size", "socket_kind",
        "sqlstate", "state", "status", "step", "stream", "switch", "table", "tenant", "tenant_id", "timer_id",
        "token", "topic", "total", "transport", "url_host", "version", "where", "worker",
    }
)  # fmt: skip
#: Other people's loggers whose plain texts are known to be about the program, not about its data.
TRUSTED = ("asyncio", "psycopg.pool", "uvicorn.error")

_TOKEN = re.compile(r"[A-Za-z0-9_.:/@\[\]-]{1,128}")
#: Seven digits or more in a row can be a telephone number or a record number; within a UUID they are not.
_NUMBER_LIKE = re.compile(r"\d{7,}|\+\d")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
WITHHELD = "withheld"


def setup(
    level: str = "info", style: Literal["auto", "json", "console"] = "auto", stream: TextIO | None = None
) -> None:
    """Send every logger of the process through one handler. Called once, first thing in each process."""
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    as_json = style == "json" or (style == "auto" and not out.isatty())
    handler.setFormatter(JsonFormatter() if as_json else ConsoleFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("careline").setLevel(level.upper())
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)
    # Access lines hold whole URLs; requests are counted by route template in the metrics instead.
    access = logging.getLogger("uvicorn.access")
    access.handlers[:] = []
    access.propagate = False
    for name in ("uvicorn", "uvicorn.error", "litestar"):
        logging.getLogger(name).handlers[:] = []
        logging.getLogger(name).propagate = True
    logging.captureWarnings(True)


def facts(record: logging.LogRecord) -> dict[str, Any]:
    """What of a record may be written."""
    found: dict[str, Any] = {
        "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": _event(record),
    }
    dropped = []
    for key, value in vars(record).items():
        if key in _STANDARD:
            continue
        if key in ALLOWED:
            found[key] = _value(value)
        else:
            dropped.append(key)
    if dropped:
        found["dropped"] = sorted(dropped)
    if record.exc_info and record.exc_info[1] is not None:
        found["exception"] = list(_exception(record.exc_info[1]))
    return found


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        return json.dumps(facts(record), ensure_ascii=False)


class ConsoleFormatter(logging.Formatter):
    """For people: time, level, sentence, key=value."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line, and a short traceback under it when there is one."""
        found = facts(record)
        exceptions = found.pop("exception", [])
        at, level, _, event = (found.pop(k) for k in ("at", "level", "logger", "event"))
        rest = "".join(f" {k}={v}" for k, v in found.items())
        line = f"{at[11:23]} {level:<7} {event}{rest}"
        for exception in exceptions:
            line += f"\n  {exception['type']}" + "".join(f"\n    {frame}" for frame in exception["frames"])
        return line


def _event(record: logging.LogRecord) -> str:
    text = str(record.msg)
    if record.name == "careline" or record.name.startswith("careline.") or record.name.startswith(TRUSTED):
        return text
    # A library's template without its arguments is harmless; a text it has put together itself may not be.
    if record.args:
        return text
    return f"{WITHHELD} ({record.module}:{record.lineno})"


def _value(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(v) for v in list(value)[:20]]
    text = str(value)
    if _TOKEN.fullmatch(text) and not _NUMBER_LIKE.search(_UUID.sub("", text)):
        return text
    return WITHHELD


def _exception(error: BaseException) -> Iterator[dict[str, Any]]:
    """An exception and its causes: types, codes and places, without any text."""
    current: BaseException | None = error
    seen: set[int] = set()
    while current is not None and id(current) not in seen and len(seen) < 5:
        seen.add(id(current))
        described: dict[str, Any] = {"type": f"{type(current).__module__}.{type(current).__qualname__}"}
        if isinstance(current, CarelineError):
            described["id"] = current.id
        if state := getattr(current, "sqlstate", None):
            described["sqlstate"] = state
            described["constraint"] = getattr(getattr(current, "diag", None), "constraint_name", None)
        described["frames"] = [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(current.__traceback__, limit=-12)
        ]
        yield described
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
