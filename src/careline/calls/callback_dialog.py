"""The dialogue by keys in which a caller asks to be called back: number, confirmation, moment, goodbye. Pure.

Whoever hangs up in the middle has not asked for anything, unless only the moment was missing. Silence and wrong keys
lead back to where the caller was, with the place kept: nobody is lost here.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from careline.calls import callback_rules
from careline.calls.callback_model import Arranging, Ask, Origin
from careline.calls.callback_questions import LISTEN, listen, moment, note, put
from careline.calls.model import Call, Kind, Phase
from careline.calls.step import Step
from careline.calls.switch_commands import StopPlay, Unpark
from careline.calls.waiting import join_queue
from careline.flows.spoken import Prompt
from careline.kernel.phone import to_e164

#: The key by which a waiting caller asks to be called back, as `callback.offer` says.
CALLBACK_KEY = "2"
#: How often a question is put.
TRIES = 3
#: A caller who goes on waiting hears place and wait again after this time.
ANNOUNCE_AGAIN = timedelta(seconds=20)
#: Later moments by key: hours from now.
LATER = {"1": 1, "2": 2, "3": 4, "4": 24}


# --- beginning ----------------------------------------------------------------------------------------------------


def offer(s: Step, origin: Origin = Origin.OVERFLOW) -> bool:
    """Ask a waiting caller whether to be called back, without a key of the caller's. False when the queue's rules do
    not allow it, or the caller is asked already: then nothing was done."""
    if not possible(s):
        return False
    ask(s, origin)
    return True


def possible(s: Step) -> bool:
    """Whether this waiting caller can be asked now whether to be called back."""
    call = s.call
    offered = callback_rules.rules_of(s).offered
    return offered and call.phase is Phase.WAITING and not call.arranging and not call.offers


def ask(s: Step, origin: Origin = Origin.QUEUE, mode: str | None = None) -> None:
    """Begin: the calling number, when it can be called back, else another."""
    if s.call.playback:
        s.do(StopPlay(playback=s.call.playback))
    s.do(Unpark(channel=s.call.channel))
    if callback_rules.may_call(s, s.call.caller):
        put(s, Arranging(ask=Ask.NUMBER, origin=origin, number=s.call.caller, mode=mode))
    else:
        put(s, Arranging(ask=Ask.ENTER, origin=origin, mode=mode))


def begin_from_flow(
    s: Step, queue_id: UUID, *, reason: str | None = None, requirement: str | None = None, mode: str | None = None
) -> None:
    """A flow's callback node: the place counts from now, or is the one the caller has in that queue. Whether a callback
    is arranged or not, the flow goes on by its exit. `mode`: who is rung first; None: as the queue says."""
    place_at = s.call.place_at if s.call.queue_id == queue_id else None
    join_queue(s, queue_id, reason=reason, leave=None, place_at=place_at, requirement=requirement)
    if s.call.phase is Phase.WAITING:
        ask(s, Origin.FLOW, mode)


def welcome_back(s: Step) -> bool:
    """At the door: somebody calls who has a callback waiting. True when that is asked about first."""
    old = s.setting.callback_of(s.call)
    if old is None:
        return False
    put(s, Arranging(ask=Ask.RETURNING, origin=Origin.ARRIVAL, number=s.call.caller, old=old.id))
    return True


# --- going on -----------------------------------------------------------------------------------------------------


def played(s: Step) -> bool:
    """The question has been heard: now a key is waited for. True when the flow is to begin."""
    if s.call.arranging and s.call.arranging.ask is Ask.DONE:
        return _back(s)
    listen(s)
    return False


def resume(s: Step) -> bool:
    """After call control was away the question is put again. True when the flow is to begin."""
    now = s.call.arranging
    if now is None or now.ask is Ask.DONE:
        return now is not None and _back(s)
    put(s, replace(now, digits=""))
    return False


def silence(s: Step) -> bool:
    """No key came. True when the flow is to begin."""
    return _again(s, Prompt("no-input"))


def key(s: Step, digit: str) -> bool:
    """A key was pressed. True when the flow is to begin."""
    now = s.call.arranging
    assert now is not None
    if now.ask is Ask.DONE:
        return False
    if s.call.playback and s.call.listen_until is None:
        s.do(StopPlay(playback=s.call.playback))
    match now.ask, digit:
        case Ask.ENTER, "#":
            return _entered(s, now)
        case Ask.ENTER, _ if digit.isdigit():
            if len(now.digits) < 15:
                note(s, replace(now, digits=now.digits + digit), s.now + LISTEN)
            return False
        case ((Ask.NUMBER | Ask.CHECK | Ask.AGAIN), "1"):
            return _confirmed(s, now)
        case ((Ask.NUMBER | Ask.CHECK | Ask.AGAIN), "2"):
            put(s, Arranging(ask=Ask.ENTER, origin=now.origin, mode=now.mode))
            return False
        case Ask.WHEN, "1":
            arrange(s)
            return False
        case Ask.WHEN, "2":
            put(s, replace(now, ask=Ask.LATER, tries=0))
            return False
        case Ask.LATER, _ if digit in LATER:
            arrange(s, s.now + timedelta(hours=LATER[digit]))
            return False
        case Ask.RETURNING, "1" if s.line.hours(s.now) == "open":
            return _take_place(s)
        case Ask.RETURNING, "2":
            s.happened(Kind.CALLBACK_CANCELLED, old=str(now.old))
            put(s, replace(now, ask=Ask.DONE), Prompt("callback.cancelled"))
            return False
    return _again(s, Prompt("invalid-key"))


def hung_up(s: Step) -> bool:
    """The caller hung up in the dialogue. True when the callback stands: only the moment had not been chosen."""
    now = s.call.arranging
    if now is None or now.ask not in (Ask.WHEN, Ask.LATER):
        return False
    arrange(s, heard=False)
    return True


# --- what each answer means -----------------------------------------------------------------------------------------


def _entered(s: Step, now: Arranging) -> bool:
    number = to_e164(now.digits, s.setting.region)
    if not callback_rules.may_call(s, number):
        return _again(s, Prompt("callback.number-refused"))
    put(s, replace(now, ask=Ask.CHECK, number=number, digits="", tries=0))
    return False


def _confirmed(s: Step, now: Arranging) -> bool:
    match now.ask:
        case Ask.CHECK:
            put(s, replace(now, ask=Ask.AGAIN, tries=0))
            return False
        case Ask.NUMBER:
            sure = replace(now, verified="calling-number", tries=0)
        case _:
            sure = replace(now, verified="keys", tries=0)
    if callback_rules.rules_of(s).schedulable:
        put(s, replace(sure, ask=Ask.WHEN))
    else:
        note(s, replace(sure, ask=Ask.WHEN), None)
        arrange(s)
    return False


def arrange(s: Step, later: datetime | None = None, *, heard: bool = True) -> None:
    """It is agreed: the call keeps its place. While the caller is `heard`, we say when to expect us, and goodbye."""
    now, rules = s.call.arranging, callback_rules.rules_of(s)
    assert now is not None
    assert now.number is not None
    next_at, ends = callback_rules.timed(s, now.number, later)
    s.happened(
        Kind.CALLBACK_ARRANGED,
        number=now.number,
        verified=now.verified,
        mode=now.mode or rules.mode,
        queue_id=str(s.call.queue_id),
        next_at=next_at.isoformat() if next_at else None,
        window_ends=ends.isoformat() if ends else None,
        until=(s.now + callback_rules.LAST_WORD).isoformat(),
        expires_at=((next_at or s.now) + callback_rules.kept(s)).isoformat(),
    )
    if heard:
        # Where a flow asked, its own words follow: it says goodbye itself.
        kept = "callback.kept" if now.origin is Origin.FLOW else "callback.arranged"
        s.speak(s.call.channel, *moment(s, now.number, next_at), Prompt(kept))


# --- the flow's own words after it ----------------------------------------------------------------------------------


def last_word(s: Step, *prompts: Prompt) -> None:
    """The flow that arranged a callback has nothing more to ask: its last words, and the line is let go. The callback
    stands, whatever the flow would have done with a caller who stays."""
    if s.call.playback:
        s.do(StopPlay(playback=s.call.playback))
    s.happened(Kind.CALLBACK_GOODBYE, until=(s.now + callback_rules.LAST_WORD).isoformat())
    s.speak(s.call.channel, *(prompts or (Prompt("goodbye"),)))


# --- the place, taken over --------------------------------------------------------------------------------------------


def _take_place(s: Step) -> bool:
    """The caller is back on the line and takes the place that was kept. The old call is closed by the floor."""
    old = s.setting.callback_of(s.call)
    if old is None or old.queue_id is None:
        # An agent was faster, or it has just been cancelled: an ordinary call.
        note(s, None, None)
        return True
    merge(s, old)
    join_queue(s, old.queue_id, reason=old.reason, leave=None, place_at=old.place_at, priority=old.priority)
    if s.call.phase is Phase.WAITING:
        s.do(Unpark(channel=s.call.channel))
        s.speak(s.call.channel, Prompt("callback.place-kept"))
    return False


def merge(s: Step, old: Call) -> None:
    """This call takes over what was kept for the caller; the floor closes the old one with reference to this."""
    s.happened(Kind.CALLBACK_MERGED, old=str(old.id))


def _again(s: Step, sorry: Prompt) -> bool:
    now = s.call.arranging
    assert now is not None
    if s.call.playback and s.call.listen_until is None:
        s.do(StopPlay(playback=s.call.playback))
    if now.tries + 1 < TRIES:
        put(s, replace(now, tries=now.tries + 1, digits=""), sorry)
        return False
    if now.ask in (Ask.WHEN, Ask.LATER):
        arrange(s)
        return False
    return _back(s)


def _back(s: Step) -> bool:
    """Back to where the caller was: the flow (True), or the queue, with the place as it was."""
    now = s.call.arranging
    assert now is not None
    note(s, None, None, announce_at=s.now + ANNOUNCE_AGAIN)
    if now.origin in (Origin.ARRIVAL, Origin.FLOW):
        return True
    s.speak(s.call.channel, Prompt("callback.not-arranged"))
    return False
