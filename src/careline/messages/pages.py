"""The inbox: lists without patient data, and each message one audited click away."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Response, Template

from careline.kernel.errors import CarelineError, InvalidInput
from careline.kernel.phone import pretty, spoken
from careline.messages.model import OUTCOMES
from careline.messages.wording import words
from careline.platform.i18n import gettext as _
from careline.security.actor import Actor
from careline.security.forms import Form, form_of
from careline.security.permissions import Permission

_Request = Request[Any, Any, Any]
_Answer = Response[Any]


@get("/inbox", name="inbox")
async def inbox(request: _Request, services: Any, actor: Actor) -> Template:
    """What is open in the inboxes one works, the most pressing first."""
    chosen = _uuid(request.query_params.get("inbox"))
    done = request.query_params.get("done") == "1"
    context = {
        "inboxes": await services.messages.inboxes(actor),
        "items": await services.messages.items(actor, inbox=chosen, done=done),
        "chosen": chosen,
        "done": done,
        "zone": await services.organization.zone(actor),
        "moment": services.clock.now(),
        **words(),
    }
    return Template("messages/inbox.html", context=context)


async def _page(services: Any, actor: Actor, message_id: UUID, error: CarelineError | None = None) -> _Answer:
    message = await services.messages.open(actor, message_id)
    problem = None
    if error is not None:
        if error.status not in (400, 409):
            raise error
        problem = {"text": _(error.detail), "field": error.facts.get("field")}
    context = {
        "message": message,
        "departments": await services.organization.departments(actor),
        "providers": await services.organization.providers(actor),
        "zone": await services.organization.zone(actor),
        "moment": services.clock.now(),
        "choices": OUTCOMES,
        "pretty": pretty,
        "spoken": spoken,
        "problem": problem,
        "me": actor.person_id,
        "may_open_call": actor.may(Permission.CALL_READ)
        or (actor.may(Permission.CALL_READ_OWN) and message.taken_by == actor.name),
        **words(),
    }
    status = error.status if error else 200
    return Template("messages/message.html", context=context, status_code=status)


@get("/inbox/{message_id:uuid}", name="message")
async def message(services: Any, actor: Actor, message_id: FromPath[UUID]) -> _Answer:
    """One message. Opening it is audited."""
    return await _page(services, actor, message_id)


@post("/inbox/{message_id:uuid}/{move:str}", status_code=200)
async def move(
    request: _Request, services: Any, actor: Actor, message_id: FromPath[UUID], move: FromPath[str]
) -> _Answer:
    """Take on, forward, reply, finish or reopen; what was wrong is said on the message's page."""
    form = await form_of(request)
    messages = services.messages
    try:
        version = _version(form)
        match move:
            case "acknowledge":
                await messages.acknowledge(actor, message_id, version=version)
            case "forward":
                department_id, provider_id = _recipient(form.text("to"))
                await messages.forward(
                    actor,
                    message_id,
                    department_id=department_id,
                    provider_id=provider_id,
                    note=form.text("note"),
                    version=version,
                )
                # It may have left the reader's inboxes.
                return Redirect("/inbox", status_code=303)
            case "reply":
                await messages.reply(actor, message_id, form.text("note"))
            case "finish":
                await messages.finish(actor, message_id, form.text("outcome"), note=form.text("note"), version=version)
                return Redirect("/inbox", status_code=303)
            case "reopen":
                await messages.reopen(actor, message_id, form.text("note"))
            case _:
                raise InvalidInput(_("There is no such action."))
    except CarelineError as error:
        return await _page(services, actor, message_id, error)
    return Redirect(f"/inbox/{message_id}", status_code=303)


def _version(form: Form) -> int | None:
    text = form.text("version")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _recipient(text: str) -> tuple[UUID | None, UUID | None]:
    kind, _colon, id_ = text.partition(":")
    found = _uuid(id_)
    if found is None or kind not in ("department", "provider"):
        raise InvalidInput(_("Choose a department or a provider."), field="to")
    return (found, None) if kind == "department" else (None, found)


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


handlers: list[Any] = [inbox, message, move]
