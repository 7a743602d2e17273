"""The page of other systems: which ones call flows may ask."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Response, Template

from careline.kernel.errors import CarelineError
from careline.platform.i18n import gettext as _
from careline.security.actor import Actor
from careline.security.forms import Form, form_of

_Request = Request[Any, Any, Any]
_Answer = Response[Any]


async def _page(
    services: Any, actor: Actor, error: CarelineError | None = None, entered: dict[str, str] | None = None
) -> _Answer:
    problem = None
    if error is not None:
        if error.status not in (400, 409):
            raise error
        problem = {"text": _(error.detail), "field": error.facts.get("field")}
    context = {"endpoints": await services.lookups.list(actor), "problem": problem, "entered": entered or {}}
    return Template("lookups/lookups.html", context=context, status_code=error.status if error else 200)


def _values(form: Form) -> dict[str, Any]:
    seconds = form.text("max_seconds")
    return {
        "base_url": form.text("base_url"),
        "header": form.text("header") or None,
        "secret": form.text("secret") or None,
        "max_seconds": int(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) < 5 else 0,
    }


@get("/lookups", name="lookups")
async def lookups(services: Any, actor: Actor) -> _Answer:
    """Every system that may be asked."""
    return await _page(services, actor)


@post("/lookups", status_code=200)
async def add(request: _Request, services: Any, actor: Actor) -> _Answer:
    """Add a system."""
    form = await form_of(request)
    try:
        await services.lookups.add(actor, name=form.text("name"), kind=form.text("kind"), **_values(form))
    except CarelineError as error:
        entered = {name: form.text(name) for name in ("name", "kind", "base_url", "header", "max_seconds")}
        return await _page(services, actor, error, entered)
    return Redirect("/lookups", status_code=303)


@post("/lookups/{endpoint_id:uuid}", status_code=200)
async def change(request: _Request, services: Any, actor: Actor, endpoint_id: FromPath[UUID]) -> _Answer:
    """Change a system's address or secret."""
    form = await form_of(request)
    try:
        await services.lookups.change(actor, endpoint_id, **_values(form))
    except CarelineError as error:
        return await _page(services, actor, error)
    return Redirect("/lookups", status_code=303)


@post("/lookups/{endpoint_id:uuid}/retire", status_code=200)
async def retire(services: Any, actor: Actor, endpoint_id: FromPath[UUID]) -> _Answer:
    """Ask it no more."""
    await services.lookups.retire(actor, endpoint_id)
    return Redirect("/lookups", status_code=303)


handlers: list[Any] = [lookups, add, change, retire]
