"""An emergency that nobody here takes: outside numbers are rung in turn until somebody does. Pure.

Begun when a caller raises an emergency: at once, after the notice, when nobody is signed on; else after the line's
patience, while the caller stays first in line. Whoever picks up outside is asked to press 1, so that no answering
machine takes a caller. Every attempt is an event; the last word is never a refusal: the call goes on where it was.
911 itself is never rung from here: it would be told this site's address, not the caller's (47 CFR part 9).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from careline.calls import callback, handover, journey
from careline.calls.message import invite_message
from careline.calls.model import FIRST_OF_ALL, Kind, Phase, Transfer
from careline.calls.step import Step
from careline.calls.switch_commands import Park, Play, StopPlay, Unpark
from careline.calls.waiting import Joining, join_queue, put_in_line
from careline.flows.moves import Stimulus
from careline.flows.spoken import Prompt

NOTICE = Prompt("greeting.emergency-notice")
CALLING = Prompt("emergency.calling-help")
NOBODY = Prompt("emergency.nobody-reached")
#: Said again when nobody takes the call and the caller was leaving a message.
INSTRUCTIONS = Prompt("voicemail.instructions")
#: Asked of whoever picks up outside, and the key that takes the call.
TAKE = Prompt("emergency.take-call")
TAKE_KEY = "1"
#: The longest that the notice is waited for before the first number is rung.
NOTICE_AT_MOST = timedelta(seconds=25)
#: How long a number rings, and how long whoever picked up has to press the key.
RING_SECONDS = 25
ASK_FOR = timedelta(seconds=30)
#: How often the whole list is tried, and the pause before it is tried again.
ROUNDS = 3
AGAIN = timedelta(seconds=30)


def possible(s: Step) -> bool:
    """Whether the line names anybody outside, and the caller has a place to be kept in meanwhile."""
    call = s.call
    return bool(s.line.emergency_contacts) and (call.phase is not Phase.CALLBACK or call.queue_id in s.setting.queues)


def begin(s: Step) -> None:
    """Nobody is signed on: the caller hears the notice, then the numbers are rung. Whatever else went on has ended."""
    call = s.call
    if call.ask:
        s.happened(Kind.ASK_ENDED, exit="emergency")
    if call.phase is Phase.CALLBACK and call.queue_id in s.setting.queues:
        callback.on_the_line(s)
        assert call.queue_id is not None
        put_in_line(s, call.queue_id, Joining(reason=call.reason, leave=call.leave, priority=FIRST_OF_ALL, kept=True))
    _await(s, s.now + NOTICE_AT_MOST, soon=True, why="nobody-signed-on")
    _say(s, NOTICE, CALLING)


def watch(s: Step, tried: int = 0) -> None:
    """Somebody is signed on: when the caller is not taken within the line's patience, help is called."""
    _await(s, s.now + timedelta(seconds=s.line.emergency_patience), soon=False, why="in-line", tried=tried)


def keep_watch(s: Step) -> None:
    """A caller in an emergency has come into a queue, by whatever way: from now on the patience counts."""
    in_line = s.call.phase is Phase.WAITING and s.call.emergency_how in ("key", "words")
    if in_line and s.call.help is None and any(event.kind is Kind.QUEUED for event in s.events):
        watch(s)


def staffed_queue(s: Step) -> UUID | None:
    """Where a person answers soonest: the line's emergency queue, the present one, the line's own; None: nobody is
    signed on in any of them."""
    wanted = (s.line.emergency_queue, s.call.queue_id, s.line.fallback_queue)
    return next((q for q in wanted if q is not None and q in s.setting.queues and s.setting.staffed(q)), None)


# --- what happens meanwhile ---------------------------------------------------------------------------------------


def due(s: Step) -> bool:
    """Do what has become due; False when nothing has."""
    help = s.call.help
    if help is None:
        return False
    if help.asked_until and help.asked_until <= s.now:
        refused(s, "not-taken", hang_up=True)
        return True
    if help.next_at and help.next_at <= s.now and not s.call.offers:
        _next(s)
        return True
    return False


def played(s: Step) -> bool:
    """What the caller heard has ended. False when that means nothing to us."""
    help = s.call.help
    if help is None or s.call.phase is Phase.TALKING:
        return False
    if help.soon:
        _next(s)
        return True
    if s.call.transfer or s.call.phase is not Phase.WAITING:
        s.do(Park(channel=s.call.channel))
        return True
    return False


def picked_up(s: Step) -> None:
    """Somebody, or something, answers outside: the question is put to it; the caller hears music still."""
    transfer, line = s.call.transfer, s.line
    assert transfer is not None
    s.happened(Kind.TRANSFER_ANSWERED, leg=transfer.leg)
    s.happened(Kind.HELP_ASKED, leg=transfer.leg, until=(s.now + ASK_FOR).isoformat())
    words = s.setting.media(s.call.tenant_id, line.language, TAKE.key)
    # Said twice: whoever picks up at night needs a moment. The caller's state does not wait for this playback.
    s.do(Play(channel=transfer.leg, playback=_words(transfer), media=words * 2))


def key(s: Step, digit: str) -> None:
    """Whoever was called pressed a key. The take key connects caller and helper."""
    transfer = s.call.transfer
    if digit != TAKE_KEY or transfer is None or not transfer.answered:
        return
    s.do(StopPlay(playback=_words(transfer)))
    if s.call.playback:
        s.do(StopPlay(playback=s.call.playback))
    handover.connect_outside(s)


def refused(s: Step, reason: str, *, hang_up: bool) -> None:
    """This number did not take the call: the next one, or a person here who has come meanwhile."""
    handover.fail_transfer(s, reason, hang_up_target=hang_up)
    help = s.call.help
    assert help is not None
    _await(s, s.now, soon=False, why=reason, tried=help.tried)


def resume(s: Step) -> bool:
    """After call control was away: whoever picked up is asked again, the caller hears music; the rest is a matter of
    time. False when no help is under way."""
    call = s.call
    if call.help is None or call.phase is Phase.TALKING:
        return False
    if call.transfer and call.transfer.answered:
        picked_up(s)
    s.do(Park(channel=call.channel))
    return True


# --- one after the other ------------------------------------------------------------------------------------------


def _next(s: Step) -> None:
    call, contacts = s.call, s.line.emergency_contacts
    help = call.help
    assert help is not None
    queue = staffed_queue(s)
    if queue is not None and call.phase is not Phase.WAITING:
        # Somebody has signed on meanwhile.
        join_queue(s, queue, reason=call.reason, leave=call.leave, place_at=call.place_at, priority=FIRST_OF_ALL)
        watch(s, help.tried)
        return
    if help.tried >= ROUNDS * len(contacts):
        _nobody(s)
        return
    if help.tried and help.tried % len(contacts) == 0 and not help.again:
        _await(s, s.now + AGAIN, soon=False, why="again", tried=help.tried)
        _say(s, NOTICE, CALLING)
        return
    contact = contacts[help.tried % len(contacts)]
    s.happened(Kind.HELP_CALLED, tried=help.tried + 1)
    handover.send_outside(s, contact.number, RING_SECONDS, contact.name)


def _nobody(s: Step) -> None:
    """Every number was tried: the caller is told, and the call goes on where it was. The board's alarm stays."""
    call = s.call
    s.happened(Kind.HELP_ENDED, outcome="nobody-reached" if possible(s) else "not-taken")
    if call.phase is Phase.WAITING:
        if possible(s):
            _say(s, NOBODY, NOTICE)
    elif call.phase is Phase.VOICEMAIL:
        invite_message(s, call.message.department if call.message else None, (NOBODY, NOTICE, INSTRUCTIONS))
    else:
        s.do(Unpark(channel=call.channel))
        s.speak(call.channel, NOBODY, NOTICE)
        if call.cursor is None:
            journey.go(s, None, Stimulus.ENTERED)
        else:
            journey.resume(s)


def _await(s: Step, at: datetime, *, soon: bool, why: str, tried: int = 0) -> None:
    s.happened(Kind.HELP_AWAITED, at=at.isoformat(), soon=soon, why=why, tried=tried)


def _words(transfer: Transfer) -> str:
    """The playback of the question that is put to whoever picked up."""
    return f"h.{transfer.leg}"


def _say(s: Step, *prompts: Prompt) -> None:
    """Speak over whatever plays now."""
    if s.call.playback:
        s.do(StopPlay(playback=s.call.playback))
    s.do(Unpark(channel=s.call.channel))
    s.speak(s.call.channel, *prompts)
