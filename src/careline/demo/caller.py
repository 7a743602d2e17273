"""One synthetic caller: rings, listens, presses keys, waits, talks, leaves a message or gives up, as its persona does.

It knows nothing of what goes on inside: it acts on what it hears, as a person would.
"""

from __future__ import annotations

import asyncio
import time
from enum import StrEnum
from random import Random

from careline.demo.ear import Ear
from careline.demo.personas import Persona
from careline.demo.phone import Phone, PhoneCall
from careline.speech.audio import RATE

#: Nobody stays longer than this, whatever happens.
_LONGEST = 1800.0


class Outcome(StrEnum):
    """How a caller's attempt went, as the caller sees it."""

    #: Spoke with somebody.
    SERVED = "served"
    #: Left a message after the beep.
    MESSAGE = "message"
    #: Hung up while waiting.
    GAVE_UP = "gave-up"
    #: Hung up before waiting.
    LEFT_EARLY = "left-early"
    #: The call center ended the call without serving it.
    CUT_OFF = "cut-off"
    #: Refused or never answered.
    NOT_ANSWERED = "not-answered"


class SyntheticCaller:
    """A persona with a telephone number, about to call."""

    def __init__(
        self, persona: Persona, phone: Phone, *, number: str, sip: tuple[str, int], caller: str | None, dice: Random
    ) -> None:
        """`number` is called at the switch `sip`; `caller` is the number shown."""
        self.persona = persona
        self.caller = caller
        self.number = number
        self.ear = Ear()
        #: For the demo's page: ringing, menu, waiting, talking, message.
        self.doing = "ringing"
        self._unsaid = ["opening", "detail"]
        self._phone = phone
        self._sip = sip
        self._dice = dice
        self._patience = max(8.0, dice.expovariate(1 / persona.patience))

    async def call(self) -> Outcome:
        """Place the call and live it to its end."""
        call = await self._phone.call(self.number, self._sip, caller=self.caller, keep=False)
        call.media.on_sound = self.ear.hear
        try:
            async with asyncio.timeout(_LONGEST):
                if not await self._answered(call):
                    return Outcome.NOT_ANSWERED
                return await self._listen_and_act(call)
        except TimeoutError:
            return Outcome.GAVE_UP
        finally:
            call.hang_up()

    async def _answered(self, call: PhoneCall) -> bool:
        for _ in range(600):
            if call.answered.is_set():
                return True
            if not await call.wait(0.1):
                return False
        return False

    async def _listen_and_act(self, call: PhoneCall) -> Outcome:
        self.doing = "menu"
        if self.persona.habit == "early":
            await call.wait(self._dice.uniform(1, 18))
            return Outcome.LEFT_EARLY
        for key in self.persona.keys:
            if not await self._turn(call):
                return Outcome.CUT_OFF
            if self.ear.beeped or self.ear.music_ever:
                break
            call.media.press(key)
        return await self._wait(call)

    async def _turn(self, call: PhoneCall) -> bool:
        """Wait for the prompt's end; now and then cut in, as people who know the menu do. False: the call ended."""
        self.ear.turn()
        cut_in = self._dice.uniform(4, 9) if self._dice.random() < 0.3 else 40.0
        begun = time.monotonic()
        while time.monotonic() - begun < cut_in and not self.ear.beeped:
            if self.ear.heard_something and self.ear.quiet > 0.9:
                return await call.wait(self._dice.uniform(0.2, 1.2))
            if not await call.wait(0.1):
                return False
        return not call.ended.is_set()

    async def _wait(self, call: PhoneCall) -> Outcome:
        """In the queue, or on the way there: until a person, a beep, or the end of patience."""
        self.doing = "waiting"
        begun = time.monotonic()
        take_offer = begun + self._dice.uniform(8, 40) if self.persona.habit == "voicemail" else None
        while await call.wait(0.2):
            waited = time.monotonic() - begun
            if self.ear.beeped:
                return await self._leave_message(call)
            # Music stopped and nobody speaks: somebody listens. Or there never was music, only silence.
            if self.ear.quiet > (1.6 if self.ear.music_ever else 9.0) and self.ear.since_music > 1.6:
                if await self._talk(call):
                    return Outcome.SERVED
                # Music again: put on hold, or it was no person after all. The patience starts anew.
                self.doing, begun = "waiting", time.monotonic()
            if take_offer is not None and time.monotonic() > take_offer and self.ear.music_ever:
                call.media.press("1")
                take_offer = None
            if waited > self._patience:
                return Outcome.GAVE_UP
        return Outcome.CUT_OFF

    async def _leave_message(self, call: PhoneCall) -> Outcome:
        self.doing = "message"
        if not await self._say(call, "voicemail"):
            return Outcome.MESSAGE
        if self._dice.random() < 0.5:
            call.media.press("#")
            await call.wait(self._dice.uniform(4, 8))
        return Outcome.MESSAGE

    async def _talk(self, call: PhoneCall) -> bool:
        """Say what is wanted, answer when the other side pauses, thank and go. False when music came instead."""
        self.doing = "talking"
        while self._unsaid:
            if not await self._say(call, self._unsaid[0]):
                return True
            del self._unsaid[0]
            if not await self._hear_reply(call):
                return call.ended.is_set()
        until = time.monotonic() + self._dice.lognormvariate(3.2, 0.6)
        while time.monotonic() < until:
            if not await call.wait(0.5):
                return True
            if self._music_plays():
                return False
        if await self._say(call, "thanks"):
            await call.wait(self._dice.uniform(0.5, 3))
        return True

    async def _hear_reply(self, call: PhoneCall) -> bool:
        """Wait while the other side speaks, or for a while when it does not. False: music, or the end."""
        self.ear.turn()
        begun = time.monotonic()
        while time.monotonic() - begun < 15:
            if self._music_plays():
                return False
            if self.ear.heard_something and self.ear.quiet > 1.5:
                return True
            if not self.ear.heard_something and time.monotonic() - begun > 6:
                return True
            if not await call.wait(0.2):
                return False
        return True

    def _music_plays(self) -> bool:
        return self.ear.since_music < 1.0 and self.ear.quiet < 0.5

    async def _say(self, call: PhoneCall, line: str) -> bool:
        sound = self.persona.sound(line)
        call.media.say(sound)
        return await call.wait(len(sound) / RATE + 0.3)
