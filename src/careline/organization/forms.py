"""Reads the forms of the organization's pages: hours as people write them, a line's configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from careline.kernel.errors import InvalidInput
from careline.organization.holidays import US_FEDERAL, read, written, written_rule
from careline.organization.hours import WEEKDAYS, Hours, InvalidHours
from careline.organization.model import InvalidLineConfig, LineConfig
from careline.platform.i18n import gettext as _
from careline.security.forms import Form

#: Rows of a menu on the form.
MENU_ROWS = 6
#: Rows of people who are rung outside in an emergency.
CONTACT_ROWS = 4
#: Reasons that the bundled voice has words for.
REASONS = (
    "appointments", "prescriptions", "results", "message", "referrals", "billing", "records", "new-patient",
    "registration", "information", "clinician",
)  # fmt: skip

_OPENING = re.compile(r"(\d{1,2}:\d{2})\s*[-–]\s*(\d{1,2}:\d{2})")


def hours_of(form: Form) -> Hours:
    """Opening hours from a form. Raises `InvalidHours`."""
    weekly = {day: _openings(form.text(day)) for day in WEEKDAYS}
    return Hours.from_body({"zone": form.text("zone"), "weekly": weekly, **_special(form)})


def exceptions_written(hours: Hours) -> str:
    """Days that differ, one a line: "2026-12-25 closed Christmas Day", "every 4th thu of nov closed Thanksgiving"."""
    dated = [
        f"{e.day.isoformat()}{f'..{e.last.isoformat()}' if e.last else ''} {written(e.open) or 'closed'} {e.label}"
        for e in sorted(hours.exceptions, key=lambda e: e.day)
    ]
    ruled = [
        f"{written_rule(r.recurrence.rule, r.recurrence.start, r.recurrence.observed)} "
        f"{written(r.open) or 'closed'} {r.label}"
        for r in hours.recurring
    ]
    return "\n".join(line.strip() for line in (*ruled, *dated))


def _openings(text: str) -> list[list[str]]:
    found = [[a.zfill(5), b.zfill(5)] for a, b in _OPENING.findall(text)]
    rest = _OPENING.sub("", text).replace(",", "").strip().casefold()
    if rest not in ("", "closed", "cerrado"):
        raise InvalidHours(_("Write openings as 08:00-12:00, 13:00-17:00, or leave the day empty."))
    return found


def _special(form: Form) -> dict[str, list[dict[str, Any]]]:
    """The days that differ, and those of the holidays asked for that are not among them yet."""
    lines = [line for line in form.text("exceptions").splitlines() if line.strip()]
    if form.text("add_holidays") == "us-federal":
        lines += [line for line in US_FEDERAL if line not in {known.strip() for known in lines}]
    found: dict[str, list[dict[str, Any]]] = {"exceptions": [], "recurring": []}
    for line in lines:
        body = read(line)
        if body is None:
            raise InvalidHours(
                _("A line of the days that differ cannot be understood: “%(line)s”.") % {"line": line[:60]}
            )
        found["recurring" if "rule" in body else "exceptions"].append(body)
    return found


def line_config_of(form: Form, before: LineConfig | None = None) -> LineConfig:
    """A line's configuration from a form; what the form has no field for stays as it was."""
    languages = form.many("languages")
    menu = []
    for row in range(1, MENU_ROWS + 1):
        key = form.text(f"key-{row}")
        if not key:
            continue
        labels = {language: form.text(f"label-{language}-{row}") for language in ("en", "es")}
        reason, queue = form.text(f"reason-{row}"), form.text(f"queue-{row}")
        if not reason or not queue:
            raise InvalidLineConfig(_("A menu key needs what it is for and a queue."))
        spoken = {language: text or reason for language, text in labels.items()}
        menu.append({"key": key, "reason": reason, "queue_id": queue, "labels": spoken})
    minutes = form.text("max_wait")
    # Anything but a small whole number becomes a wait that the check refuses by name.
    longest = int(minutes) * 60 if minutes.isascii() and minutes.isdigit() and len(minutes) < 5 else 0
    patience = form.text("emergency_patience")
    kept: Mapping[str, Any] = (before or LineConfig()).to_body()
    return LineConfig.from_body(
        {
            **kept,
            "languages": languages,
            "hours_id": form.text("hours_id") or None,
            "greeting": {k: text for k in ("en", "es") if (text := form.text(f"greeting-{k}"))},
            "menu": menu,
            "queue_id": form.text("queue_id") or None,
            "voicemail_department_id": form.text("department_id") or None,
            "record": form.text("record") == "on",
            "announce_recording": form.text("announce_recording") == "on",
            "max_wait_seconds": longest,
            "emergency_key": form.text("emergency_key"),
            "emergency_queue_id": form.text("emergency_queue_id") or None,
            "listen_for_emergencies": form.text("listen_for_emergencies") == "on",
            "emergency_contacts": _contacts(form),
            "emergency_patience": int(patience) if patience.isascii() and patience.isdigit() else -1,
        }
    )


def _contacts(form: Form) -> list[dict[str, str]]:
    """Who is rung outside in an emergency, in order; rows left empty are left out."""
    rows = [(form.text(f"contact-name-{n}"), form.text(f"contact-number-{n}")) for n in range(1, CONTACT_ROWS + 1)]
    if any(bool(name) != bool(number) for name, number in rows):
        raise InvalidLineConfig(_("Whoever is rung in an emergency needs a name and a number."))
    return [{"name": name, "number": number} for name, number in rows if name]


def moment_of(form: Form, zone: str) -> datetime | None:
    """The wall time from which a change holds, in a zone; None: at once."""
    text = form.text("valid_from")
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    except ValueError as error:
        raise InvalidInput(_("Write the moment as year-month-day and time."), field="valid_from") from error


def id_of(form: Form, name: str) -> UUID:
    """A choice. Raises `InvalidInput`."""
    try:
        return UUID(form.text(name))
    except ValueError as error:
        raise InvalidInput(_("That choice does not exist."), field=name) from error
