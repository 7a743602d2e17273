"""Rows of patients, to and from their model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime
from typing import Any
from uuid import UUID

from careline.kernel.errors import InvalidInput
from careline.kernel.ids import new_id
from careline.kernel.phone import to_e164
from careline.patients.model import Grant, Phone, Record
from careline.patients.names import keys, words
from careline.patients.policy import Policy, shipped
from careline.platform.db import Tx, queries

q = queries("careline.patients")

_DEFAULTS: dict[str, Any] = {
    "middle": "",
    "suffix": "",
    "preferred": "",
    "former_family": "",
    "pronouns": "",
    "sex": "unknown",
    "language": "en",
    "interpreter": False,
    "street": "",
    "city": "",
    "state": "",
    "postal_code": "",
    "email": "",
    "household_id": None,
    "primary_provider_id": None,
    "deceased_on": None,
    "vip": False,
    "confidential": False,
    "merged_into": None,
}


def search_columns(*, given: str, middle: str, family: str, preferred: str, former_family: str) -> dict[str, Any]:
    """The derived column by which a patient is found; written with every change of a name."""
    return {"name_keys": list(keys(words(given, middle, family, preferred, former_family)))}


async def insert_patient(
    tx: Tx, *, mrn: str, given: str, family: str, birth_date: date, zone: str, phones: Collection[str] = (), **more: Any
) -> UUID:
    """Add a patient with the derived search columns and telephone numbers in E.164; returns the id."""
    values = {**_DEFAULTS, **more, "given": given, "family": family}
    names = {k: values[k] for k in ("given", "middle", "family", "preferred", "former_family")}
    patient_id: UUID = values.pop("id", None) or new_id()
    await tx.run(
        q["insert_patient"],
        {**values, **search_columns(**names), "id": patient_id, "mrn": mrn, "birth_date": birth_date, "zone": zone},
    )
    for position, number in enumerate(phones):
        await insert_phone(tx, patient_id, number, position=position)
    return patient_id


async def insert_phone(
    tx: Tx,
    patient_id: UUID,
    number: str,
    *,
    use: str = "mobile",
    position: int = 0,
    voicemail_ok: bool = False,
    changed_at: datetime | None = None,
) -> None:
    """Add a telephone number, in E.164 however it was written. Raises `InvalidInput` when it is none."""
    e164 = to_e164(number)
    if e164 is None:
        raise InvalidInput("This is not a telephone number.", field="phone")
    await tx.run(
        q["insert_phone"],
        {
            "id": new_id(),
            "patient_id": patient_id,
            "number": e164,
            "use": use,
            "position": position,
            "voicemail_ok": voicemail_ok,
            "changed_at": changed_at or "2020-01-01T00:00:00Z",
        },
    )


async def records(tx: Tx, ids: Collection[UUID]) -> dict[UUID, Record]:
    """The identity records of some patients."""
    wanted = {"ids": list(ids)}
    phones: dict[UUID, list[Phone]] = defaultdict(list)
    members: dict[UUID, list[str]] = defaultdict(list)
    grants: dict[UUID, list[Grant]] = defaultdict(list)
    if not ids:
        return {}
    for row in await tx.all(q["list_phones"], wanted):
        phones[row.pop("patient_id")].append(Phone(**row))
    for row in await tx.all(q["list_members"], wanted):
        members[row["patient_id"]].append(row["member_id"])
    for row in await tx.all(q["list_grants"], wanted):
        grants[row.pop("patient_id")].append(Grant(**{**row, "scope": frozenset(row["scope"])}))
    return {
        row["id"]: Record(
            **row,
            phones=tuple(phones[row["id"]]),
            member_ids=tuple(members[row["id"]]),
            grants=tuple(grants[row["id"]]),
        )
        for row in await tx.all(q["read_records"], wanted)
    }


async def policy_at(tx: Tx, at: datetime) -> Policy:
    """The tenant's verification policy at an instant, or the shipped one."""
    row = await tx.one(q["read_policy"], {"at": at})
    return Policy.from_body(row["body"]) if row else shipped()
