"""The public API of patients: always for one contact, and nothing of a patient before the caller is verified."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Controller, get, post, put
from litestar.params import FromPath

from careline.patients.model import Candidates, Card, Lock, Sought, Stated, Verification
from careline.security.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What the caller stated, and who the caller says to be."""

    stated: Stated
    #: `self`, `parent`, `pharmacy`, …: see the verification policy.
    caller_role: str = "self"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why something out of the ordinary is done. May be empty in an emergency."""

    reason: str = ""


class PatientsController(Controller):
    """The patients of a call."""

    path = "/api/v1/calls/{call_id:uuid}"
    tags = ["Patients"]  # noqa: RUF012 (Litestar reads it from the class)

    @get("/candidates", operation_id="listCandidates", summary="Who may be calling, by the calling number")
    async def candidates(self, services: Any, actor: Actor, call_id: FromPath[UUID]) -> Candidates:
        """Ranked, with initials only. A hint: it verifies nobody. Audited."""
        found: Candidates = await services.patients.candidates(actor, call_id)
        return found

    @post("/patients/search", operation_id="searchPatients", summary="Find a patient by what was said", status_code=200)
    async def search(self, services: Any, actor: Actor, call_id: FromPath[UUID], data: Sought) -> Candidates:
        """Tolerant of misheard and misspelled names and of slips in dates; shown as candidates. Audited."""
        found: Candidates = await services.patients.search(actor, call_id, data)
        return found

    @get("/patients/{patient_id:uuid}", operation_id="getStanding", summary="Where verification stands")
    async def standing(
        self, services: Any, actor: Actor, call_id: FromPath[UUID], patient_id: FromPath[UUID]
    ) -> Verification:
        """The level reached for this patient on this call, and what to ask next."""
        standing: Verification = await services.patients.standing(actor, call_id, patient_id)
        return standing

    @post(
        "/patients/{patient_id:uuid}/verify", operation_id="verifyCaller", summary="Verify the caller", status_code=200
    )
    async def verify(
        self, services: Any, actor: Actor, call_id: FromPath[UUID], patient_id: FromPath[UUID], data: Attempt
    ) -> Verification:
        """Compares what was stated with the record; the answer says what agrees, never what is stored. Audited."""
        result: Verification = await services.patients.verify(
            actor, call_id, patient_id, data.stated, caller_role=data.caller_role
        )
        return result

    @get("/patients/{patient_id:uuid}/card", operation_id="getPatientCard", summary="The patient's card")
    async def card(self, services: Any, actor: Actor, call_id: FromPath[UUID], patient_id: FromPath[UUID]) -> Card:
        """As far as the level and the caller's scope allow. Refused, with what is missing, before verification."""
        card: Card = await services.patients.card(actor, call_id, patient_id)
        return card

    @post(
        "/patients/{patient_id:uuid}/emergency",
        operation_id="openInEmergency",
        summary="Open the card without verification, in an emergency",
        status_code=200,
    )
    async def emergency(
        self, services: Any, actor: Actor, call_id: FromPath[UUID], patient_id: FromPath[UUID], data: Reason
    ) -> Card:
        """Never blocked, always audited and reviewed."""
        card: Card = await services.patients.open_in_emergency(actor, call_id, patient_id, data.reason)
        return card


@post(
    "/api/v1/patients/{patient_id:uuid}/unlock",
    operation_id="unlockVerification",
    summary="Let verification go on after repeated failures",
    status_code=204,
    tags=["Patients"],
)
async def unlock(services: Any, actor: Actor, patient_id: FromPath[UUID], data: Reason) -> None:
    """A supervisor's decision, with its reason. Audited."""
    await services.patients.unlock(actor, patient_id, data.reason)


@get("/api/v1/verification-locks", operation_id="listLocks", summary="Patients locked now", tags=["Patients"])
async def locks(services: Any, actor: Actor) -> list[Lock]:
    """After repeated failures; initials only. Audited."""
    found: list[Lock] = await services.patients.locks(actor)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyToSet:
    """A verification policy, and from when it holds (now, when nothing is said)."""

    policy: dict[str, Any]
    valid_from: datetime | None = None


@get(
    "/api/v1/verification-policy",
    operation_id="getVerificationPolicy",
    summary="What a caller must state for what",
    tags=["Patients"],
)
async def policy(services: Any, actor: Actor) -> dict[str, Any]:
    """The tenant's own policy, or the shipped one: levels, actions, caller roles, locks, and what it rests on."""
    found: dict[str, Any] = await services.patients.policy(actor)
    return found


@put(
    "/api/v1/verification-policy",
    operation_id="setVerificationPolicy",
    summary="Set the tenant's own policy",
    status_code=204,
    tags=["Patients"],
)
async def set_policy(services: Any, actor: Actor, data: PolicyToSet) -> None:
    """Holds from now or a later moment; earlier ones are kept. No policy may stand before an emergency or a message."""
    await services.patients.set_policy(actor, data.policy, valid_from=data.valid_from)


handlers: list[Any] = [PatientsController, unlock, locks, policy, set_policy]
