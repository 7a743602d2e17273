"""The public API of people, tokens and the audit log, and who one is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, delete, get, post, put
from litestar.params import FromPath, FromQuery, Parameter

from careline.kernel.errors import InvalidInput
from careline.security.audit import Action
from careline.security.forms import By, Services
from careline.security.model import Person
from careline.security.permissions import Permission, Role
from careline.security.service import Security
from careline.security.tokens import Token
from careline.security.trail import AuditQuery, AuditRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Whoever the token or session stands for, and what it may do now."""

    kind: str
    person_id: UUID | None
    name: str
    roles: Sequence[Role]
    permissions: Sequence[Permission]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonToAdd:
    """A new member of staff."""

    email: str
    name: str
    roles: list[Role]
    language: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAdded:
    """The person, and the first password, which is told this once."""

    person: Person
    first_password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolesToGive:
    """All the roles a person shall have."""

    roles: list[Role]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenToMake:
    """A new API token. Without `person_id` it acts for the one who makes it."""

    name: str
    scopes: list[Permission]
    days: int
    person_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenMade:
    """The token's id and its secret, which is told this once."""

    id: UUID
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Rows of the audit log, newest first. `next` is the `before` of the following page."""

    rows: Sequence[AuditRow]
    next: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditState:
    """What a check of the log found: the first row that is wrong, and why; null when the log is whole."""

    whole: bool
    rows: int
    anchors: int
    bad_seq: int | None
    reason: str | None


#: A text, since a bare number would else be taken for seconds since 1970.
_MOMENT = Parameter(description="A moment with its offset from UTC", schema_extra={"format": "date-time"})


def _moment(text: str | None, field: str) -> datetime | None:
    if text is None:
        return None
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment
    raise InvalidInput("A moment needs its offset from UTC, for example 2026-11-23T12:00:00Z.", field=field)


def _security(services: Any) -> Security:
    security: Security = services.security
    return security


@get("/api/v1/me", operation_id="getMe", summary="Who one is", tags=["Security"])
async def me(actor: By) -> Me:
    """The person behind the token or session, and what may be done with it."""
    return Me(
        kind=actor.kind,
        person_id=actor.person_id,
        name=actor.name,
        roles=sorted(actor.roles),
        permissions=[permission for permission in Permission if actor.may(permission)],
    )


class PeopleController(Controller):
    """The staff."""

    path = "/api/v1/people"
    tags = ["Security"]  # noqa: RUF012 (Litestar reads it from the class)

    @get("/", operation_id="listPeople", summary="Everybody of the tenant")
    async def everyone(self, actor: By, services: Services) -> Sequence[Person]:
        """Active people first."""
        return await _security(services).people.everyone(actor)

    @post("/", operation_id="addPerson", summary="Add a person")
    async def create(self, actor: By, services: Services, data: PersonToAdd) -> PersonAdded:
        """The first password has to be replaced at the first sign-in."""
        person, password = await _security(services).people.create(
            actor, email=data.email, name=data.name, roles=data.roles, language=data.language
        )
        return PersonAdded(person=person, first_password=password)

    @get("/{person_id:uuid}", operation_id="getPerson", summary="One person")
    async def get_one(self, actor: By, services: Services, person_id: FromPath[UUID]) -> Person:
        """With roles, second factor and last activity."""
        return await _security(services).people.get(actor, person_id)

    @put("/{person_id:uuid}/roles", operation_id="setRoles", summary="Replace a person's roles")
    async def set_roles(self, actor: By, services: Services, person_id: FromPath[UUID], data: RolesToGive) -> Person:
        """Holds from the person's next request on. Nobody changes their own."""
        return await _security(services).people.set_roles(actor, person_id, data.roles)

    @post(
        "/{person_id:uuid}/deactivate", operation_id="deactivatePerson", summary="Deactivate a person", status_code=200
    )
    async def deactivate(self, actor: By, services: Services, person_id: FromPath[UUID]) -> Person:
        """Sessions and tokens end at once."""
        return await _security(services).people.deactivate(actor, person_id)

    @post(
        "/{person_id:uuid}/reactivate", operation_id="reactivatePerson", summary="Reactivate a person", status_code=200
    )
    async def reactivate(self, actor: By, services: Services, person_id: FromPath[UUID]) -> Person:
        """The person may sign in again; ended sessions and tokens stay ended."""
        return await _security(services).people.reactivate(actor, person_id)


class TokensController(Controller):
    """API tokens."""

    path = "/api/v1/tokens"
    tags = ["Security"]  # noqa: RUF012 (Litestar reads it from the class)

    @get("/", operation_id="listTokens", summary="All API tokens")
    async def everything(self, actor: By, services: Services) -> Sequence[Token]:
        """Without their secrets, which nobody knows."""
        return await _security(services).tokens.everything(actor)

    @post("/", operation_id="makeToken", summary="Make an API token")
    async def create(self, actor: By, services: Services, data: TokenToMake) -> TokenMade:
        """For somebody else only with the permission to manage people as well."""
        if not 1 <= data.days <= 366:
            raise InvalidInput("A token lives for a day at least and a year at most.", field="days")
        token_id, secret = await _security(services).tokens.create(
            actor, name=data.name, scopes=data.scopes, life=timedelta(days=data.days), person_id=data.person_id
        )
        return TokenMade(id=token_id, secret=secret)

    @delete("/{token_id:uuid}", operation_id="revokeToken", summary="Revoke an API token")
    async def revoke(self, actor: By, services: Services, token_id: FromPath[UUID]) -> None:
        """Ends it now."""
        await _security(services).tokens.revoke(actor, token_id)


class AuditController(Controller):
    """The audit log."""

    path = "/api/v1/audit"
    tags = ["Security"]  # noqa: RUF012 (Litestar reads it from the class)

    @get("/", operation_id="searchAudit", summary="Who did what to whose data")
    async def search(
        self,
        actor: By,
        services: Services,
        patient_id: FromQuery[UUID | None] = None,
        person_id: FromQuery[UUID | None] = None,
        contact_id: Annotated[UUID | None, Parameter(description="A call's id")] = None,
        action: FromQuery[Action | None] = None,
        since: Annotated[str | None, _MOMENT] = None,
        until: Annotated[str | None, _MOMENT] = None,
        before: Annotated[int | None, Parameter(description="`next` of the page before", ge=1, le=2**62)] = None,
        limit: Annotated[int, Parameter(ge=1, le=200)] = 100,
    ) -> AuditPage:
        """Rows that match everything given. Looking is itself written into the log."""
        wanted = AuditQuery(
            patient_id=patient_id,
            person_id=person_id,
            contact_id=contact_id,
            action=action,
            since=_moment(since, "since"),
            until=_moment(until, "until"),
            before=before,
            limit=limit,
        )
        rows = await _security(services).audit.search(actor, wanted)
        return AuditPage(rows=rows, next=rows[-1].seq if len(rows) == limit else None)

    @post("/verify", operation_id="verifyAudit", summary="Check the whole chain", status_code=200)
    async def verify(self, actor: By, services: Services) -> AuditState:
        """Against itself, its head and the signed anchors; names the first row that is wrong."""
        state = await _security(services).audit.verify(actor)
        return AuditState(
            whole=state.whole, rows=state.rows, anchors=state.anchors, bad_seq=state.bad_seq, reason=state.reason
        )


handlers = [me, PeopleController, TokensController, AuditController]
