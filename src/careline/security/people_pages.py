"""Administration of people and API tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Redirect, Template

from careline.kernel.errors import CarelineError, InvalidInput
from careline.security.actor import Actor
from careline.security.forms import By, Form, Req, Services, form_of, go, page, security_of
from careline.security.permissions import Permission, Role

_LIVES = (30, 90, 180, 365)


def _roles(form: Form) -> list[Role]:
    try:
        return [Role(value) for value in form.many("roles")]
    except ValueError as error:
        raise InvalidInput("There is no such role.", field="roles") from error


@get("/people")
async def people_page(actor: By, services: Services) -> Template:
    """Everybody of the tenant."""
    return page("people", people=await security_of(services).people.everyone(actor), me=actor.person_id)


@get("/people/new")
async def new_page(actor: By) -> Template:
    """The form for a new person."""
    actor.require(Permission.PEOPLE_MANAGE)
    return page("person-new", roles=list(Role), values={"roles": [], "language": "en"})


@post("/people")
async def create(request: Req, actor: By, services: Services) -> Template:
    """Add a person; shows the first password this once."""
    form = await form_of(request)
    try:
        person, password = await security_of(services).people.create(
            actor,
            email=form.text("email"),
            name=form.text("name"),
            roles=_roles(form),
            language=form.text("language"),
        )
    except CarelineError as error:
        values = {
            "email": form.text("email"),
            "name": form.text("name"),
            "language": form.text("language"),
            "roles": form.many("roles"),
        }
        return page("person-new", error=error, roles=list(Role), values=values)
    return page("first-password", person=person, password=password)


async def _person(
    actor: Actor, services: Any, person_id: UUID, error: CarelineError | None = None, done: str | None = None
) -> Template:
    person = await security_of(services).people.get(actor, person_id)
    return page("person", error=error, person=person, roles=list(Role), me=actor.person_id, done=done)


@get("/people/{person_id:uuid}")
async def person_page(request: Req, actor: By, services: Services, person_id: FromPath[UUID]) -> Template:
    """One person: name, roles, sign-in."""
    return await _person(actor, services, person_id, done=request.query_params.get("done"))


@post("/people/{person_id:uuid}/name")
async def rename(request: Req, actor: By, services: Services, person_id: FromPath[UUID]) -> Template | Redirect:
    """Correct name and language."""
    form = await form_of(request)
    try:
        await security_of(services).people.rename(
            actor, person_id, name=form.text("name"), language=form.text("language")
        )
    except CarelineError as error:
        return await _person(actor, services, person_id, error)
    return go(f"/people/{person_id}?done=name")


@post("/people/{person_id:uuid}/roles")
async def set_roles(request: Req, actor: By, services: Services, person_id: FromPath[UUID]) -> Template | Redirect:
    """Replace the roles."""
    form = await form_of(request)
    try:
        await security_of(services).people.set_roles(actor, person_id, _roles(form))
    except CarelineError as error:
        return await _person(actor, services, person_id, error)
    return go(f"/people/{person_id}?done=roles")


@post("/people/{person_id:uuid}/password")
async def reset_password(actor: By, services: Services, person_id: FromPath[UUID]) -> Template:
    """Give a new first password; shown this once."""
    people = security_of(services).people
    try:
        password = await people.reset_password(actor, person_id)
    except CarelineError as error:
        return await _person(actor, services, person_id, error)
    return page("first-password", person=await people.get(actor, person_id), password=password)


@post("/people/{person_id:uuid}/{act:str}")
async def change(actor: By, services: Services, person_id: FromPath[UUID], act: FromPath[str]) -> Template | Redirect:
    """Deactivate, reactivate, forget a lost authenticator, end all sessions."""
    security = security_of(services)
    acts = {
        "deactivate": security.people.deactivate,
        "reactivate": security.people.reactivate,
        "second-factor": security.people.reset_second_factor,
        "sessions": security.sessions.revoke_all,
    }
    if act not in acts:
        raise InvalidInput("There is no such action.")
    try:
        await acts[act](actor, person_id)
    except CarelineError as error:
        return await _person(actor, services, person_id, error)
    return go(f"/people/{person_id}?done={act}")


async def _tokens(
    actor: Actor,
    services: Any,
    *,
    error: CarelineError | None = None,
    secret: str | None = None,
    values: dict[str, Any] | None = None,
) -> Template:
    security = security_of(services)
    return page(
        "tokens",
        error=error,
        tokens=await security.tokens.everything(actor),
        people=await security.people.everyone(actor) if actor.may(Permission.PEOPLE_MANAGE) else [],
        me=actor.person_id,
        scopes=list(Permission),
        lives=_LIVES,
        secret=secret,
        values=values or {"days": "90", "scopes": []},
    )


@get("/tokens")
async def tokens_page(actor: By, services: Services) -> Template:
    """All API tokens, and the form for a new one."""
    return await _tokens(actor, services)


@post("/tokens")
async def create_token(request: Req, actor: By, services: Services) -> Template:
    """Make a token; its secret is shown this once."""
    form = await form_of(request)
    values = {
        "name": form.text("name"),
        "days": form.text("days"),
        "person": form.text("person"),
        "scopes": form.many("scopes"),
    }
    try:
        _, secret = await security_of(services).tokens.create(
            actor,
            name=form.text("name"),
            scopes=_scopes(form),
            life=timedelta(days=_number(form.text("days"))),
            person_id=_uuid(form.text("person")),
        )
    except CarelineError as error:
        return await _tokens(actor, services, error=error, values=values)
    return await _tokens(actor, services, secret=secret)


@post("/tokens/{token_id:uuid}/revoke")
async def revoke_token(actor: By, services: Services, token_id: FromPath[UUID]) -> Redirect:
    """End a token now."""
    await security_of(services).tokens.revoke(actor, token_id)
    return go("/tokens")


def _scopes(form: Form) -> list[Permission]:
    try:
        return [Permission(value) for value in form.many("scopes")]
    except ValueError as error:
        raise InvalidInput("There is no such scope.", field="scopes") from error


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 4:
        raise InvalidInput("Say for how many days.", field="days")
    return int(text)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise InvalidInput("There is no such person.", field="person") from error


handlers = [
    people_page,
    new_page,
    create,
    person_page,
    rename,
    set_roles,
    reset_password,
    change,
    tokens_page,
    create_token,
    revoke_token,
]
