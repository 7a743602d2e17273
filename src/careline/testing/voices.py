"""A caller from the public network who hums, for tests that prove who hears whom; telephones granted at a switch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from careline.calls.commands import CallCommands
from careline.demo.phone import Phone, PhoneCall
from careline.speech.audio import decode_ulaw, encode_ulaw, tone
from careline.speech.listening import dominant
from careline.telephony.ari import Ari
from careline.telephony.instance import Access
from careline.telephony.phones import Phones
from careline.testing.callcenter import NUMBER, TRUNK, CallCenter, until

#: What a caller hums.
HUM_HZ = 440


class Caller:
    """A caller who hums a steady tone, and whose ear is asked."""

    def __init__(self, call: PhoneCall) -> None:
        self.call = call
        call.media.say(encode_ulaw(tone(HUM_HZ, 120.0)))

    async def hears(self, hz: int | None, seconds: float = 20.0) -> None:
        """Wait until the last half second heard is this tone, or silence (None)."""

        def found() -> bool:
            heard = dominant(decode_ulaw(self.call.media.tail(0.5)))
            return heard is None if hz is None else heard is not None and abs(heard - hz) < 15

        await until(found, seconds)


@asynccontextmanager
async def public_network() -> AsyncIterator[Phone]:
    """Telephones that the switch knows as its trunk."""
    phone = Phone(TRUNK)
    await phone.start()
    try:
        yield phone
    finally:
        await phone.stop()


async def ring_in(network: Phone, center: CallCenter) -> Caller:
    """A call to the practice's number."""
    return Caller(await network.call(NUMBER, center.sip, caller="+15555550123"))


def granting_at(access: Access) -> Callable[[Any], None]:
    """For `web_app(change=…)`: telephones of browsers are granted at this switch."""

    def change(services: Any) -> None:
        services.telephony_grant = _Grants(access, services)

    return change


class _Grants:
    """As `careline.telephony.grants`, at a switch that was given."""

    def __init__(self, access: Access, services: Any) -> None:
        self._access = access
        self._services = services

    async def __call__(self, username: str, password: str, kind: Any, actor: Any) -> None:
        ari = Ari(self._access)
        try:
            await Phones(ari).grant(username, password, kind)
        finally:
            await ari.close()
        if actor is not None:
            await CallCommands(self._services.db).give(actor, "agent.phone", {"endpoint": username})

    async def retire(self, username: str) -> None:
        ari = Ari(self._access)
        try:
            await Phones(ari).revoke(username)
        finally:
            await ari.close()
