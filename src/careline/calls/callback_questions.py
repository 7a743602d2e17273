"""What a caller hears in the dialogue about being called back, and how its state is noted. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from careline.calls import callback_rules
from careline.calls.callback_model import Arranging, Ask
from careline.calls.model import Kind
from careline.calls.step import Step
from careline.flows.spoken import Prompt

#: How long a key is waited for after a question.
LISTEN = timedelta(seconds=7)


def moment(s: Step, number: str, at: datetime | None) -> tuple[Prompt, ...]:
    """When to expect the call, in the time of the place where the number is."""
    if at is None:
        return (Prompt("callback.at-your-turn"),)
    there = callback_rules.local(s, number, at)
    today = callback_rules.local(s, number, s.now).date()
    day = (Prompt("value.date", (("date", there.date().isoformat()), ("today", today.isoformat()))),)
    clock = Prompt("value.time", (("time", there.strftime("%H:%M")),))
    return (Prompt("callback.after"), *(day if there.date() != today else ()), clock)


def _questions(s: Step, now: Arranging) -> tuple[Prompt, ...]:
    phone = Prompt("value.phone", (("text", now.number or ""),))
    match now.ask:
        case Ask.NUMBER:
            return (Prompt("callback.your-number"), phone, Prompt("callback.number-right"))
        case Ask.ENTER:
            return (Prompt("callback.enter-number"),)
        case Ask.CHECK:
            return (Prompt("callback.you-entered"), phone, Prompt("callback.number-right"))
        case Ask.AGAIN:
            return (Prompt("callback.once-more"), phone, Prompt("callback.number-right"))
        case Ask.WHEN:
            return (Prompt("callback.when"),)
        case Ask.LATER:
            return (Prompt("callback.later"),)
        case Ask.RETURNING:
            open_now = s.line.hours(s.now) == "open"
            said = "callback.welcome-back" if open_now else "callback.welcome-back-closed"
            return (Prompt("greeting.emergency-notice"), Prompt(said))
        case Ask.DONE:
            return ()


def put(s: Step, now: Arranging, *before: Prompt) -> None:
    """Put the question of the present ask."""
    note(s, now, None)
    s.speak(s.call.channel, *before, *_questions(s, now))


def listen(s: Step) -> None:
    """The question has been heard: a key is waited for."""
    if s.call.arranging:
        note(s, s.call.arranging, s.now + LISTEN)


def note(s: Step, now: Arranging | None, listen_until: datetime | None, announce_at: datetime | None = None) -> None:
    """Note where the dialogue stands; `None`: it is over."""
    s.happened(
        Kind.CALLBACK_ASKED,
        ask=now.ask.value if now else None,
        origin=now.origin.value if now else None,
        number=now.number if now else None,
        digits=now.digits if now else "",
        verified=now.verified if now else "",
        tries=now.tries if now else 0,
        mode=now.mode if now else None,
        old=str(now.old) if now and now.old else None,
        listen_until=listen_until.isoformat() if listen_until else None,
        announce_at=announce_at.isoformat() if announce_at else None,
    )
