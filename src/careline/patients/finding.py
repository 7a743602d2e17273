"""Who may be meant: by the calling number, or by what the caller said. Inside a transaction; audits nothing itself."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from uuid import UUID

from careline.kernel.text import plain
from careline.patients import judging, store
from careline.patients.matching import birth_date_slips, code
from careline.patients.model import Candidates, Sought, Stated
from careline.patients.names import keys
from careline.patients.policy import Policy
from careline.patients.store import q
from careline.platform.db import Tx


def bearable(said: Sought | Stated) -> None:
    """Refuse text no caller could have said."""
    for field in fields(said):
        value = getattr(said, field.name)
        if isinstance(value, str):
            plain(value, field.name, needed=False)


async def by_number(tx: Tx, number: str, call_id: UUID, now: datetime, policy: Policy) -> Candidates:
    """Who may be calling from a number (E.164): its people, best first; of a shared number who called before."""
    points = {"mobile": 40, "home": 34, "work": 28, "facility": 8, "proxy": 30}
    best: dict[UUID, tuple[int, list[str]]] = {}
    for row in await tx.all(q["find_by_phone"], {"number": number, "today": now.date()}):
        score, reasons = best.get(row["id"], (0, []))
        best[row["id"]] = (max(score, points[row["use"]] - row["position"]), sorted({*reasons, row["reason"]}))
    before = {r["patient_id"] for r in await tx.all(q["called_before"], {"number": number, "call_id": call_id})}
    shared = len(best) >= policy.shared_number_from
    scored = []
    for record in (await store.records(tx, list(best))).values():
        score, reasons = best[record.id]
        if record.id in before:
            score, reasons = score + 20, [*reasons, "called-before"]
        elif shared:
            continue
        scored.append((score - (25 if record.deceased_on else 0), tuple(reasons), record))
    scored.sort(key=lambda s: (-s[0], str(s[2].id)))
    found = judging.ranked(scored, await levels(tx, call_id), now, policy)
    return Candidates(found=found.found, more=len(best) - len(found.found), shared_number=shared)


async def search_ids(tx: Tx, sought: Sought, said: tuple[str, ...], phone: str | None) -> set[UUID]:
    """Everybody who could be meant by what was said, wrongly heard names and slips of a birthday included."""
    born = sought.birth_date
    params = {
        "mrn": code(sought.mrn),
        "member_id": code(sought.member_id),
        "phone": phone or "",
        "birth_dates": [born, *sorted(birth_date_slips(born))] if born else [],
        "keys": list(keys(said)),
        "first": list(keys(said[:1])),
        "rest": list(keys(said[1:])),
        "exact": [f"={word}" for word in said],
    }
    ids = {row["id"] for row in await tx.all(q["find_by_anything"], params)}
    if len(said) >= 2:
        ids |= {row["id"] for row in await tx.all(q["find_by_name"], params)}
    return ids


async def levels(tx: Tx, call_id: UUID) -> dict[UUID, int]:
    """The level reached on a contact, by patient."""
    return {r["patient_id"]: r["level"] for r in await tx.all(q["levels_on_contact"], {"call_id": call_id})}
