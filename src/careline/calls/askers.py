"""Who carries out what flows ask: look-ups in other systems, and verification by keys."""

from __future__ import annotations

from datetime import date

from careline.calls.asks import Answer, Ask
from careline.lookups.model import Question
from careline.lookups.service import LookupService
from careline.patients.keypad import Keypad
from careline.patients.model import Stated
from careline.security.actor import system_actor


class LookupAsker:
    """Asks another system."""

    def __init__(self, lookups: LookupService) -> None:
        self._lookups = lookups

    async def __call__(self, ask: Ask) -> Answer:
        """The exit of the look-up, and its values by variable."""
        body = ask.body
        question = Question(
            endpoint=str(body["endpoint"]),
            kind="fhir" if body.get("method") == "fhir" else "http",
            path=str(body.get("path") or ""),
            send="address" if body.get("send") == "address" else "body",
            query=dict(body.get("query") or {}),
            into=dict(body.get("into") or {}),
            seconds=ask.seconds,
        )
        found = await self._lookups.ask(system_actor(ask.tenant_id), question)
        return Answer(exit=found.exit, values=found.values)


class VerifyAsker:
    """Verifies the caller by what was typed."""

    def __init__(self, keypad: Keypad) -> None:
        self._keypad = keypad

    async def __call__(self, ask: Ask) -> Answer:
        """`verified` or `failed`, and nothing about whom."""
        level = await self._keypad.verify(system_actor(ask.tenant_id), ask.call_id, stated(ask.body["factors"]))
        return Answer(exit="verified" if level else "failed")


def stated(factors: dict[str, str]) -> Stated:
    """What was typed, as what a caller states. Raises `ValueError` for a date that is none."""
    born = factors.get("date_of_birth")
    return Stated(
        birth_date=date.fromisoformat(born) if born else None,
        phone=factors.get("phone"),
        postal_code=factors.get("postal_code"),
        mrn=factors.get("record_number"),
        member_id=factors.get("member_id"),
    )
