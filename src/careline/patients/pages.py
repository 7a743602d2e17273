"""The supervisor's page of patients whose verification is locked after repeated failures."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Response, Template

from careline.kernel.errors import CarelineError
from careline.platform.i18n import gettext as _
from careline.security.actor import Actor
from careline.security.forms import form_of

_Answer = Response[Any]


async def _locks(services: Any, actor: Actor, error: CarelineError | None = None) -> _Answer:
    if error is not None and error.status not in (400, 409):
        raise error
    context = {
        "locks": await services.patients.locks(actor),
        "zone": await services.organization.zone(actor),
        "problem": _(error.detail) if error else None,
    }
    return Template("patients/locks.html", context=context, status_code=error.status if error else 200)


@get("/verification-locks", name="verification-locks")
async def locks(services: Any, actor: Actor) -> _Answer:
    """Who is locked, since when, and where it happened."""
    return await _locks(services, actor)


@post("/verification-locks/{patient_id:uuid}", status_code=200)
async def unlock(request: Request[Any, Any, Any], services: Any, actor: Actor, patient_id: FromPath[UUID]) -> _Answer:
    """Let verification go on, with the reason."""
    form = await form_of(request)
    try:
        await services.patients.unlock(actor, patient_id, form.text("reason"))
    except CarelineError as error:
        return await _locks(services, actor, error)
    return Redirect("/verification-locks", status_code=303)


handlers: list[Any] = [locks, unlock]
