"""Builds a patient's card: what the level and the caller's scope allow is shown, the rest is masked or withheld."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from careline.kernel.phone import pretty
from careline.patients.model import Card, LastContact, Outcome, Record, Verification, Visit, mask
from careline.patients.policy import Policy
from careline.patients.store import q
from careline.platform.db import Tx


async def build_card(
    tx: Tx, call_id: UUID, record: Record, standing: Verification, policy: Policy, now: datetime, *, look_alikes: int
) -> tuple[Card, list[str]]:
    """The card, and the names of what it shows (for the audit log)."""
    row = await tx.one(q["read_card"], {"id": record.id})
    assert row is not None
    today = now.date()
    emergency = standing.outcome is Outcome.EMERGENCY
    withheld: dict[str, int] = {}

    def may(what: str, action: str, scope: str | None = None) -> bool:
        """Whether a part is shown; otherwise notes the level it needs (4: no level, the caller has no right to it)."""
        if emergency or (standing.level >= policy.needed(action) and (scope is None or scope in standing.scope)):
            return True
        withheld[what] = policy.needed(action) if scope is None or scope in standing.scope else 4
        return False

    shown = ["name", "birth_date", "age", "sex", "language", "mrn", "provider", "alerts", "last_contacts"]
    visits = coverage = proxies = address = email = None
    if may("visits", "appointments", "schedule"):
        visits = tuple(Visit(**v) for v in await tx.all(q["list_visits"], {"id": record.id, "now": now}))
        shown.append("visits")
    if may("coverage", "card", "billing"):
        whole = emergency or standing.level >= policy.needed("coverage")
        coverage = tuple(
            {
                "payer": c["payer"],
                "plan": c["plan"],
                "status": c["status"],
                "checked_at": c["checked_at"].isoformat() if c["checked_at"] else None,
                "member_id": c["member_id"] if whole else mask(c["member_id"]),
            }
            for c in await tx.all(q["list_coverage"], {"id": record.id})
        )
        shown.append("coverage")
    details = may("demographics", "demographics")
    if details:
        address = ", ".join(x for x in (row["street"], row["city"], row["state"], row["postal_code"]) if x)
        email = row["email"]
        proxies = tuple(
            {
                "name": g.holder_name,
                "role": g.role,
                "scope": ", ".join(sorted(g.scope)),
                "until": _earliest(g.valid_until, g.age_out),
                "note": g.note,
            }
            for g in record.grants
            if g.holds(today)
        )
        shown += ["address", "email", "phones", "proxies"]
    card = Card(
        patient_id=record.id,
        level=standing.level,
        caller_role=standing.caller_role,
        emergency=emergency,
        name=record.full_name(),
        preferred=record.preferred,
        pronouns=row["pronouns"],
        birth_date=record.birth_date,
        age=record.age(today),
        sex=row["sex"],
        language=row["language"],
        interpreter=row["interpreter"],
        mrn=record.mrn,
        provider=row["provider"],
        deceased=record.deceased_on is not None,
        vip=row["vip"],
        confidential=row["confidential"],
        alerts=tuple((a["kind"], a["body"]) for a in await tx.all(q["list_alerts"], {"id": record.id, "today": today})),
        look_alikes=look_alikes,
        visits=visits,
        coverage=coverage,
        phones=tuple(
            {
                "use": p.use,
                "number": pretty(p.number) if details else mask(p.number),
                "e164": p.number if details else "",
            }
            for p in record.phones
        ),
        address=address,
        email=email,
        proxies=proxies,
        last_contacts=tuple(
            LastContact(**c) for c in await tx.all(q["list_last_contacts"], {"id": record.id, "call_id": call_id})
        ),
        scope=standing.scope,
        withheld=withheld,
    )
    return card, shown


def _earliest(*days: date | None) -> str | None:
    known = [day for day in days if day is not None]
    return min(known).isoformat() if known else None
