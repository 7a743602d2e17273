"""`careline call`: place one real SIP call, speak, press keys, and report what was heard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from careline.demo.phone import Phone, PhoneCall
from careline.speech.asr import Transcriber
from careline.speech.audio import RATE, decode_ulaw, encode_ulaw, rms, write_wav
from careline.speech.listening import QUIET, Kind, Segment, segments
from careline.speech.tts import VoiceEngine, VoiceUnavailable, speak

#: Tenths of a second that a caller waits for a pause before pressing a key anyway.
_PATIENCE = 250


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the report: seconds since the call was placed, and what happened."""

    at: float
    what: str
    #: For something heard: how long it lasted.
    seconds: float | None = None

    def __str__(self) -> str:
        length = f" {self.seconds:.1f} s" if self.seconds is not None else ""
        return f"{self.at:7.2f}  {self.what}{length}"


@dataclass(slots=True)
class Report:
    """What a call heard."""

    number: str
    moments: list[Moment] = field(default_factory=list)
    answered: bool = False
    end: str = ""
    heard: bytes = b""
    segments: list[Segment] = field(default_factory=list)
    words: str | None = None

    def seconds_of(self, kind: Kind) -> float:
        """How long something of this kind was heard."""
        return sum(segment.seconds for segment in self.segments if segment.kind is kind)

    def __str__(self) -> str:
        lines = [f"Called {self.number}", *(str(moment) for moment in sorted(self.moments, key=lambda m: m.at))]
        if self.words is not None:
            lines.append(f"Words heard: {self.words or '(none)'}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the caller does after the answer."""

    #: Text or µ-law audio to say.
    say: str | bytes = b""
    language: str = "en"
    #: Groups of keys, pressed one after another. `w` in a group waits a second more.
    keys: Sequence[str] = ()
    #: Seconds before each group, and before speaking. None: when the other side has spoken and pauses.
    pace: float | None = 2.0
    #: Seconds to stay on the line after the last thing done.
    wait: float = 10.0
    #: Seconds to let it ring.
    ring: float = 60.0


async def place_call(
    number: str,
    to: tuple[str, int],
    plan: Plan | None = None,
    *,
    caller: str | None = "+12025550123",
    ip: str = "127.0.0.2",
    save: Path | None = None,
    voices: Sequence[VoiceEngine] = (),
    transcriber: Transcriber | None = None,
    tell: Callable[[Moment], None] | None = None,
) -> Report:
    """Place the call and stay until the plan or the other side ends it. `tell` hears of each step as it happens.

    Raises `VoiceUnavailable` before anything rings when a text has to be spoken and no voice is there.
    """
    plan = plan or Plan()
    sound = plan.say if isinstance(plan.say, bytes) else await _voiced(plan.say, plan.language, voices)
    report = Report(number)
    phone = Phone(ip)
    await phone.start()
    began = time.monotonic()

    def note(what: str) -> None:
        moment = Moment(time.monotonic() - began, what)
        report.moments.append(moment)
        if tell is not None:
            tell(moment)

    try:
        call = await phone.call(number, to, caller=caller)
        note("calling")
        await _until_answer(call, plan, note)
        opened = time.monotonic()
        if call.answered.is_set() and not call.ended.is_set():
            report.answered = True
            call.media.mark()
            await _carry_out(call, plan, sound, note)
        if not call.ended.is_set():
            call.hang_up()
        report.end = call.end
        note(call.end)
        report.heard = call.media.tail(call.media.elapsed) if report.answered else b""
        report.segments = segments(report.heard)
        offset = opened - began
        report.moments.extend(
            Moment(offset + s.start, f"heard {s.kind}" + (f" {s.hz} Hz" if s.hz else ""), s.seconds)
            for s in report.segments
            if s.seconds >= 0.2
        )
        if save is not None and report.heard:
            await asyncio.to_thread(write_wav, save, decode_ulaw(report.heard), RATE)
        if transcriber is not None and report.heard:
            made = await transcriber.transcribe(decode_ulaw(report.heard), RATE, plan.language)
            report.words = made.text
    finally:
        await phone.stop()
    return report


async def _until_answer(call: PhoneCall, plan: Plan, note: Callable[[str], None]) -> None:
    waits = [asyncio.create_task(event.wait()) for event in (call.ringing, call.answered, call.ended)]
    try:
        async with asyncio.timeout(plan.ring):
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if call.ringing.is_set() and not call.answered.is_set():
                note("ringing")
                await asyncio.wait(waits[1:], return_when=asyncio.FIRST_COMPLETED)
        if call.answered.is_set():
            note("answered")
    except TimeoutError:
        note("not answered in time")
    finally:
        for wait in waits:
            wait.cancel()


async def _carry_out(call: PhoneCall, plan: Plan, sound: bytes, note: Callable[[str], None]) -> None:
    for group in plan.keys:
        keys = "".join(part for part in group if part not in "wW")
        if not await _turn(call, plan.pace) or not await call.wait(len(group) - len(keys)):
            return
        if keys:
            call.media.press(keys)
            note(f"pressed {keys}")
    if sound:
        if not await _turn(call, plan.pace if plan.keys else 0.0):
            return
        call.media.say(sound)
        note(f"speaking for {len(sound) / RATE:.1f} s")
        if not await call.wait(len(sound) / RATE):
            return
    await call.wait(plan.wait)


async def _turn(call: PhoneCall, pace: float | None) -> bool:
    """Wait for our turn. False when the call ended meanwhile."""
    if pace is not None:
        return await call.wait(pace)
    spoke = False
    for step in range(1, _PATIENCE):
        if not await call.wait(0.1):
            return False
        if rms(decode_ulaw(call.media.tail(min(step / 10, 1.0)))) > QUIET:
            spoke = True
        elif spoke:
            return True
    return True


async def _voiced(text: str, language: str, voices: Sequence[VoiceEngine]) -> bytes:
    if not text:
        return b""
    for engine in voices:
        if engine.voice(language) is not None:
            return encode_ulaw(await speak(engine, text, language))
    raise VoiceUnavailable("No voice is installed for this text: install espeak-ng, or leave out --say.")
