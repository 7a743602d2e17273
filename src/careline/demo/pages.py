"""The demo's own page: how many synthetic callers call, of which kinds, and what they do now."""

from __future__ import annotations

from typing import Any

from litestar import Request, get, post
from litestar.datastructures import FormMultiDict
from litestar.response import Redirect, Template

from careline.demo.callers import BadCallerSettings, CallerSettings
from careline.demo.personas import Persona, personas
from careline.demo.service import CallerService
from careline.platform.i18n import gettext as _
from careline.security.actor import Actor


def _service(services: Any) -> CallerService:
    return CallerService(services.settings.home, services.settings.demo)


def _number(form: FormMultiDict, name: str) -> float:
    try:
        return float(str(form.get(name, "")).strip())
    except ValueError as error:
        raise BadCallerSettings from error


def _page(services: Any, actor: Actor, settings: CallerSettings, error: str, status: int) -> Template:
    context = {
        "settings": settings,
        "people": [(one, settings.mix.get(one.id, one.weight), _about(one)) for one in personas().values()],
        "status": _service(services).status(actor),
        "doing": _doing(),
        "outcomes": _outcomes(),
        "error": error,
    }
    return Template("demo/callers.html", context=context, status_code=status)


@get("/demo", name="demo")
async def callers(services: Any, actor: Actor) -> Template:
    """The rate, the mix and what goes on."""
    return _page(services, actor, _service(services).settings(actor), "", 200)


@post("/demo/callers", status_code=200)
async def set_callers(request: Request[Any, Any, Any], services: Any, actor: Actor) -> Template | Redirect:
    """Change rate, limit and mix; wrong entries come back with what was wrong, and nothing has changed."""
    service, form = _service(services), await request.form()
    try:
        mix = {person: _number(form, f"mix-{person}") for person in personas() if f"mix-{person}" in form}
        before = service.settings(actor)
        limit = int(_number(form, "at_once")) if "at_once" in form else before.at_once
        wanted = CallerSettings(rate=_number(form, "rate"), mix={**before.mix, **mix}, at_once=limit)
        service.set(actor, wanted)
    except (BadCallerSettings, OverflowError):
        return _page(services, actor, service.settings(actor), _(BadCallerSettings().detail), 400)
    return Redirect("/demo", status_code=303)


@get("/demo/status")
async def status(services: Any, actor: Actor) -> dict[str, object]:
    """What the callers do now, for the page's own refresh."""
    found = _service(services).status(actor)
    return {"running": found is not None, **(found or {})}


def _about(person: Persona) -> str:
    return {
        "ordinary": _("presses keys, waits, talks"),
        "silent": _("presses nothing"),
        "wrong-keys": _("presses wrong keys"),
        "early": _("hangs up in the menu"),
        "voicemail": _("leaves a message instead of waiting"),
        "impatient": _("gives up soon and calls again"),
    }[person.habit]


def _doing() -> dict[str, str]:
    return {
        "ringing": _("Ringing"),
        "menu": _("In the menu"),
        "waiting": _("Waiting in a queue"),
        "talking": _("Talking"),
        "message": _("Leaving a message"),
    }


def _outcomes() -> dict[str, str]:
    return {
        "served": _("Spoke with somebody"),
        "message": _("Left a message"),
        "gave-up": _("Gave up waiting"),
        "left-early": _("Hung up in the menu"),
        "cut-off": _("Was cut off"),
        "not-answered": _("Was not answered"),
        "too-many-at-once": _("Not placed: too many at once"),
    }


handlers = [callers, set_callers, status]
