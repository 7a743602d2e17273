"""What the flow editor lets people hear: any prompt of a flow as a WAV file, and the catalogue to choose from."""

from __future__ import annotations

import asyncio
import io
import re
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath, JSONBody

from careline.kernel.errors import InvalidInput
from careline.platform.i18n import gettext as _
from careline.security.actor import Actor
from careline.security.permissions import Permission
from careline.speech.audio import RATE, decode_ulaw, pcm_bytes
from careline.telephony.prompts.book import BadRecording, PromptBook
from careline.telephony.prompts.catalogue import catalogue
from careline.telephony.prompts.phrases import UnknownPrompt
from careline.telephony.prompts.recordings import LARGEST_UPLOAD, OwnRecordings
from careline.telephony.prompts.voices import open_book

#: A value in own words, `{name}` or `{name:date}`: in the editor only its name is known.
_SLOT = re.compile(r"\{([\w.]+)(?::\w+)?\}")
_LONGEST = 2000


class NothingToHear(InvalidInput):
    """There is nothing to hear here yet."""

    id = "nothing-to-hear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A prompt as it stands in a flow, and the language to hear it in."""

    prompt: Any
    language: str


@cache
def _book(home: Path) -> PromptBook:
    return open_book(home)


@get("/flows/catalogue")
async def sentences(actor: Actor) -> dict[str, dict[str, str]]:
    """Every ready sentence by key and language."""
    actor.require(Permission.FLOW_EDIT, Permission.FLOW_PUBLISH)
    return {key: dict(prompt.texts) for key, prompt in catalogue().prompts.items() if not key.startswith("number")}


@post("/flows/speech", status_code=200)
async def speech(services: Any, actor: Actor, data: JSONBody[Wanted]) -> Response[bytes]:
    """A prompt as callers hear it. Raises `UnknownPrompt`, `NothingToHear`, `VoiceUnavailable`."""
    actor.require(Permission.FLOW_EDIT, Permission.FLOW_PUBLISH)
    if data.language not in catalogue().languages:
        raise UnknownPrompt("There are no prompts in this language.")
    book = await asyncio.to_thread(_book, services.settings.home)
    key, values = _plain(data.prompt, data.language)
    if key == "text":
        media = await book.prepare(data.language, values["text"])
    else:
        try:
            media = book.media(data.language, key, tenant=actor.tenant_id, **values)
        except (KeyError, TypeError, ValueError) as error:
            raise UnknownPrompt("This sentence needs a value to be spoken.") from error
    if not media:
        raise NothingToHear
    heard = b"".join([await asyncio.to_thread(Path(f"{file}.ulaw").read_bytes) for file in media])
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm_bytes(decode_ulaw(heard)))
    return Response(out.getvalue(), media_type="audio/wav")


@post("/flows/recordings/{language:str}", status_code=200, request_max_body_size=LARGEST_UPLOAD)
async def keep(
    request: Request[Any, Any, Any], services: Any, actor: Actor, language: FromPath[str]
) -> dict[str, str | int]:
    """Store a recording under a name, or its next version, for the step that is being edited.

    Raises `BadRecording` and `InvalidInput` with a sentence in the page's language; then nothing has changed.
    """
    form = await request.form()
    upload, name = form.get("recording"), str(form.get("name", "")).strip()
    own = OwnRecordings(services.db, services.clock, await asyncio.to_thread(_book, services.settings.home))
    try:
        if not isinstance(upload, UploadFile):
            raise BadRecording
        words, wav = str(form.get("words", "")), await upload.read()
        return {"name": name, "version": await own.keep(actor, name=name, language=language, words=words, wav=wav)}
    except InvalidInput as refused:
        refused.detail = _(refused.detail)
        raise


def _plain(prompt: Any, language: str) -> tuple[str, dict[str, Any]]:
    """The catalogue's key and values of a prompt as a flow writes it."""
    if isinstance(prompt, str) and prompt:
        return prompt, {}
    if isinstance(prompt, Mapping):
        own = prompt.get("text")
        if isinstance(own, Mapping):
            own = own.get(language) or own.get("")
        if "key" in prompt:
            values = {str(name): value for name, value in prompt.items() if name != "key"}
            return str(prompt["key"]), values
        if isinstance(own, str) and own.strip() and len(own) <= _LONGEST:
            return "text", {"text": _SLOT.sub(lambda found: found[1].replace("_", " "), own)}
    raise NothingToHear


handlers: list[Any] = [sentences, speech, keep]
