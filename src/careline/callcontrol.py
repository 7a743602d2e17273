"""The process `careline callcontrol`: call control put together with Asterisk, PostgreSQL and the spoken prompts."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

from careline.bootstrap import Services, open_services
from careline.calls.control import CallControl
from careline.calls.lines import LineBook
from careline.calls.ports import Switch
from careline.calls.runner import serve
from careline.platform.db import Database
from careline.platform.lease import Lease
from careline.platform.logging import configure
from careline.platform.settings import Settings
from careline.queues.service import desk_phones
from careline.speech.tts import engines
from careline.telephony.instance import read_access
from careline.telephony.prompts.book import PromptBook
from careline.telephony.recordings import recorder_door
from careline.telephony.switch import AsteriskSwitch


def media_from(book: PromptBook) -> Any:
    """The prompt book as the floor asks it."""

    def media(tenant_id: int, language: str, key: str, **params: Any) -> tuple[str, ...]:
        return book.media(language, key, tenant=tenant_id, **params)

    return media


def compose(services: Services, switch: Switch, book: PromptBook) -> CallControl:
    """Call control over a switch."""

    async def provision(to: Switch, db: Database, tenant_id: int) -> None:
        """Desk phones are known to the switch only while it runs: tell it again."""
        for username, password in await desk_phones(db, services.security.keyring, tenant_id):
            await to.grant_softphone(username, password, kind="desk")

    return CallControl(
        db=services.db,
        switch=switch,
        lines=LineBook(services.organization, book),
        media=media_from(book),
        clock=services.clock,
        companions=(services.file_voicemail,),
        provision=provision,
    )


async def run() -> None:
    """Serve until told to stop."""
    settings = Settings.load()
    configure(settings)
    async with open_services(settings) as services:
        book = PromptBook(settings.home / "prompts", engines(settings.home))
        await asyncio.to_thread(book.install)
        switch = AsteriskSwitch(read_access(settings.home / "asterisk"), recorder_door(settings.home), services.clock)
        control = compose(services, switch, book)
        try:
            lease = Lease(services.addresses.relay, "callcontrol")
            await serve(control, services.db, services.addresses.app, lease)
        finally:
            await switch.close()


main = functools.partial(asyncio.run, run())
