"""The prompts page: what callers hear, in each language, and recordings of the practice's own."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from litestar.response import Redirect, Template

from careline.kernel.errors import InvalidInput
from careline.platform.i18n import gettext as _
from careline.security.actor import Actor
from careline.telephony import flow_sounds
from careline.telephony.prompts.book import BadRecording, PromptBook
from careline.telephony.prompts.catalogue import catalogue
from careline.telephony.prompts.recordings import LARGEST_UPLOAD, OwnRecordings
from careline.telephony.prompts.service import PromptService

_Answer = Template | Redirect


@cache
def _book(home: Path) -> PromptBook:
    book = PromptBook(home / "prompts")
    book.install()
    return book


def _service(services: Any) -> PromptService:
    return PromptService(services.db, _book(services.settings.home))


def _own(services: Any) -> OwnRecordings:
    return OwnRecordings(services.db, services.clock, _book(services.settings.home))


async def _page(services: Any, actor: Actor, language: str, error: str, status: int) -> Template:
    context = {
        "prompts": await _service(services).list(actor, language),
        "spoken": language,
        "languages": [(known.code, known.name) for known in catalogue().languages.values()],
        "error": error,
        "own": [r for r in await _own(services).list(actor) if r.language == language],
        "zone": await services.organization.zone(actor),
    }
    return Template("telephony/prompts.html", context=context, status_code=status)


@get("/prompts", name="prompts")
async def prompts(request: Request[Any, Any, Any], services: Any, actor: Actor) -> Template:
    """Every prompt in one language (`?language=es`)."""
    return await _page(services, actor, request.query_params.get("language", "en"), "", 200)


@get("/prompts/{language:str}/{key:str}/sound")
async def sound(services: Any, actor: Actor, language: FromPath[str], key: FromPath[str]) -> Response[bytes]:
    """What callers hear."""
    return Response(await _service(services).sound(actor, language, key), media_type="audio/wav")


@post("/prompts/{language:str}/{key:str}", status_code=200, request_max_body_size=LARGEST_UPLOAD)
async def replace(
    request: Request[Any, Any, Any], services: Any, actor: Actor, language: FromPath[str], key: FromPath[str]
) -> _Answer:
    """Use the uploaded recording; one that cannot be used comes back with what is wrong."""
    form = await request.form()
    upload = form.get("recording")
    try:
        if not isinstance(upload, UploadFile):
            raise BadRecording
        await _service(services).replace(actor, language, key, await upload.read())
    except BadRecording as error:
        return await _page(services, actor, language, _(error.detail), 400)
    return Redirect(f"/prompts?language={language}", status_code=303)


@post("/prompts/{language:str}/{key:str}/restore", status_code=200)
async def restore(services: Any, actor: Actor, language: FromPath[str], key: FromPath[str]) -> Redirect:
    """Back to the bundled voice."""
    await _service(services).restore(actor, language, key)
    return Redirect(f"/prompts?language={language}", status_code=303)


@get("/recordings-of-ours/{language:str}/{name:str}/sound")
async def own_sound(services: Any, actor: Actor, language: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """One of the practice's recordings, as callers hear it."""
    return Response(await _service(services).sound(actor, language, "recording", id=name), media_type="audio/wav")


@post("/recordings-of-ours/{language:str}", status_code=200, request_max_body_size=LARGEST_UPLOAD)
async def keep(request: Request[Any, Any, Any], services: Any, actor: Actor, language: FromPath[str]) -> _Answer:
    """Store a recording under a name, or its next version."""
    form = await request.form()
    upload = form.get("recording")
    try:
        if not isinstance(upload, UploadFile):
            raise BadRecording
        await _own(services).keep(
            actor,
            name=str(form.get("name", "")).strip(),
            language=language,
            words=str(form.get("words", "")),
            wav=await upload.read(),
        )
    except InvalidInput as error:
        return await _page(services, actor, language, _(error.detail), error.status)
    return Redirect(f"/prompts?language={language}#own", status_code=303)


@post("/recordings-of-ours/{language:str}/{name:str}/retire", status_code=200)
async def retire(services: Any, actor: Actor, language: FromPath[str], name: FromPath[str]) -> Redirect:
    """Offer it no longer."""
    await _own(services).retire(actor, name, language)
    return Redirect(f"/prompts?language={language}#own", status_code=303)


handlers = [prompts, sound, replace, restore, own_sound, keep, retire, *flow_sounds.handlers]
