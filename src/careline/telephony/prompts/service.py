"""A practice's own recordings in place of the bundled voice: see, hear, replace, restore."""

from __future__ import annotations

import asyncio
import io
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from careline.platform.db import Database
from careline.platform.events import NewEvent, append
from careline.security import audit
from careline.security.actor import Actor
from careline.security.audit import Action
from careline.security.permissions import Permission
from careline.speech.audio import RATE, decode_ulaw, pcm_bytes
from careline.telephony.prompts.book import PromptBook
from careline.telephony.prompts.catalogue import catalogue
from careline.telephony.prompts.phrases import UnknownPrompt

GREETING = "greeting.line"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptView:
    """One prompt as the page shows it."""

    key: str
    #: What the bundled voice says.
    text: str
    #: Whether the practice uses a recording of its own.
    own: bool


class PromptService:
    """Use cases of the prompts page."""

    def __init__(self, db: Database, book: PromptBook) -> None:
        self._db = db
        self._book = book

    async def list(self, actor: Actor, language: str) -> list[PromptView]:
        """Every prompt that is one sentence, and the greeting of the lines."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        self._known(language)
        found = [PromptView(key=GREETING, text="", own=self._own(actor, language, GREETING))]
        for key, prompt in catalogue().prompts.items():
            if prompt.each is None:
                own = self._own(actor, language, key)
                found.append(PromptView(key=key, text=prompt.texts[language], own=own))
        return found

    async def sound(self, actor: Actor, language: str, key: str, **params: str) -> bytes:
        """What callers hear for a key (and its values), as a WAV file. Raises `UnknownPrompt`."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        self._known(language)
        try:
            media = self._book.media(language, key, tenant=actor.tenant_id, **params)
        except KeyError as error:  # one that is only spoken with a number or a name
            raise UnknownPrompt(key=key) from error
        heard = b"".join([await asyncio.to_thread(Path(f"{file}.ulaw").read_bytes) for file in media])
        out = io.BytesIO()
        with wave.open(out, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(pcm_bytes(decode_ulaw(heard)))
        return out.getvalue()

    async def replace(self, actor: Actor, language: str, key: str, wav: bytes) -> None:
        """Use a recording for a prompt from the next call on. Raises `UnknownPrompt`, `BadRecording`."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        self._known(language)
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            file.write(wav)
            file.flush()
            async with self._db.tenant(actor.tenant_id) as tx:
                await append(tx, [_event(actor, language, key, "replaced")])
                await audit.record(tx, actor, Action.UPDATE, "prompt", f"{language}/{key}", detail={"bytes": len(wav)})
                # Last: a recording that cannot be used takes its audit row back with it.
                await asyncio.to_thread(self._book.replace, actor.tenant_id, language, key, Path(file.name))

    async def restore(self, actor: Actor, language: str, key: str) -> None:
        """Go back to the bundled voice; harmless when it is in use already. Raises `UnknownPrompt`."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        self._known(language)
        async with self._db.tenant(actor.tenant_id) as tx:
            await append(tx, [_event(actor, language, key, "restored")])
            await audit.record(tx, actor, Action.DELETE, "prompt", f"{language}/{key}")
            self._book.restore(actor.tenant_id, language, key)

    def _own(self, actor: Actor, language: str, key: str) -> bool:
        return self._book.has_own(actor.tenant_id, language, key)

    def _known(self, language: str) -> None:
        if language not in catalogue().languages:
            raise UnknownPrompt("There are no prompts in this language.")


def _event(actor: Actor, language: str, key: str, kind: str) -> NewEvent:
    stream_id = uuid5(NAMESPACE_URL, f"careline:prompt:{actor.tenant_id}:{language}:{key}")
    body = {"language": language, "key": key}
    return NewEvent(stream="prompt", stream_id=stream_id, kind=kind, body=body, person_id=actor.person_id)
