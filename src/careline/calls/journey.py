"""A caller's way through a flow: walks the interpreter and does what it says. Pure.

The cursor in an event holds nothing secret; the live one does. After a restart the flow asks again for what was lost.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from careline.calls import callback_dialog, handover, ways
from careline.calls.asks import Ask
from careline.calls.callback_fold import owed
from careline.calls.message import invite_message, say_goodbye
from careline.calls.model import Kind, Phase
from careline.calls.step import Step
from careline.calls.switch_commands import StopPlay, Unpark
from careline.calls.waiting import Joining, join, join_person, join_queue
from careline.flows import ahead, interpreter
from careline.flows import moves as flows
from careline.flows.model import Cursor, FlowError
from careline.flows.moves import Answered, Cause, Env, Key
from careline.flows.spoken import Prompt
from careline.kernel.phone import to_e164

log = logging.getLogger(__name__)

#: Keys kept that were pressed where nobody listened.
MOST_AHEAD = 30


def env(s: Step) -> Env:
    """What the flow may look at."""
    call, line = s.call, s.line
    return Env(
        now=s.now,
        zone=line.zone,
        language=call.language,
        door=lambda: hours(s),
        calendar=lambda id_: line.calendar_open(id_, s.now),
        table=lambda name, key: line.table(name, key, s.now),
        facts={
            "caller.number": call.caller,
            "caller.anonymous": call.caller is None,
            "caller.returning": call.last_agent is not None,
            "caller.known": call.last_agent is not None,
            "line.name": line.name,
            "line.number": line.number,
            "channel": "web" if call.source == "web" else "voice",
        },
    )


def hours(s: Step) -> Literal["open", "closed", "closure"]:
    """The line's door at this moment."""
    return s.line.hours(s.now)


# --- going on -----------------------------------------------------------------------------------------------------


def go(s: Step, cursor: Cursor | None, cause: Cause) -> None:
    """Let the flow go on with what happened."""
    try:
        moved, actions = interpreter.step(s.line.flow, cursor, cause, env(s))
        if cursor is not None and moved == cursor and not actions:
            if isinstance(cause, Key):
                s.call = replace(s.call, ahead=(s.call.ahead + cause.digit)[-MOST_AHEAD:])
            return
        moved, actions = _type_ahead(s, moved, actions)
    except FlowError:
        _lost(s)
        return
    follow(s, moved, actions)


def enter(s: Step, node: str) -> None:
    """Continue the flow at a named node: where a wait was left."""
    try:
        follow(s, *interpreter.enter_node(s.line.flow, s.call.cursor, node, env(s)))
    except FlowError:
        _lost(s)


def resume(s: Step) -> None:
    """Begin the present node again: after an outage, or something that came between. What was asked is asked anew."""
    assert s.call.cursor is not None
    try:
        follow(s, *interpreter.resume(s.line.flow, s.call.cursor, env(s)))
    except FlowError:
        _lost(s)


def answered(s: Step, answer: Answered) -> None:
    """What was asked outside is answered."""
    s.happened(Kind.ASK_ENDED, exit=answer.exit)
    go(s, s.call.cursor, answer)


def unanswered(s: Step) -> None:
    """No answer came in time."""
    answered(s, Answered("timeout"))


def came_back(s: Step, exit: str) -> None:
    """A number or a queue that the flow sent the caller to did not take the call: `busy`, `no_answer`, `failed` …"""
    if s.call.phase is Phase.FLOW and s.call.cursor and not s.call.ending:
        s.do(Unpark(channel=s.call.channel))
        go(s, s.call.cursor, Answered(exit))


def leave_queue(s: Step, exit: str = "leave") -> None:
    """The waiting caller asks for what the flow offers instead: usually a voicemail (`leave`), or a callback."""
    node = s.call.leave if exit == "leave" else ways.way(s, exit)
    assert node is not None
    if s.call.playback:
        s.do(StopPlay(playback=s.call.playback))
    s.do(Unpark(channel=s.call.channel))
    enter(s, node)


def _type_ahead(s: Step, moved: Cursor, actions: list[flows.Action]) -> tuple[Cursor, list[flows.Action]]:
    """Give the question that was just reached the keys pressed before it; it is then not spoken at all."""
    while s.call.ahead:
        digit = s.call.ahead[0]
        match ahead.understood(s.line.flow, moved, digit, env(s)):
            case "no":
                s.call = replace(s.call, ahead="")
            case "yes":
                s.call = replace(s.call, ahead=s.call.ahead[1:])
                moved, more = interpreter.step(s.line.flow, moved, Key(digit), env(s))
                actions = [a for a in actions if not isinstance(a, flows.Speak | flows.Listen)]
                actions += [a for a in more if not isinstance(a, flows.Hush)]
            case "later":
                break
    return moved, actions


# --- doing what the flow says -------------------------------------------------------------------------------------


def follow(s: Step, cursor: Cursor, actions: list[flows.Action]) -> None:
    """Take the cursor and do what the flow says."""
    heard = s.call.playback
    listen = next((a.seconds for a in actions if isinstance(a, flows.Listen)), None)
    s.happened(
        Kind.FLOW_MOVED,
        **cursor.to_body(),
        listen_until=(s.now + timedelta(seconds=listen)).isoformat() if listen else None,
    )
    s.call = replace(s.call, cursor=cursor)
    for action in actions:
        match action:
            case flows.Speak(prompts):
                s.speak(s.call.channel, *prompts)
            case flows.Hush():
                if heard:
                    s.do(StopPlay(playback=heard))
            case flows.Listen():
                pass
            case flows.Chosen(node, digit, reason, language):
                if language:
                    s.happened(Kind.LANGUAGE_CHOSEN, language=language)
                else:
                    s.happened(Kind.MENU_CHOSEN, node=node, digit=digit, reason=reason)
            case flows.Noted(variables):
                s.happened(Kind.NOTED, variables=dict(variables))
            case flows.Consented(record):
                s.happened(Kind.CONSENTED, record=record)
            case flows.Ask(kind, body, seconds):
                _ask(s, kind, body, seconds)
            case _:
                _hand_over(s, action)


def _hand_over(s: Step, action: flows.Action) -> None:
    """The caller leaves the flow."""
    if owed(s.call):
        # A callback is arranged: the flow may still speak and ask, but nothing takes the caller elsewhere.
        callback_dialog.last_word(s, *(action.prompts if isinstance(action, flows.Finish) else ()))
        return
    match action:
        case flows.ToQueue():
            _to_queue(s, action)
        case flows.ToVoicemail(department, prompts):
            invite_message(s, department, prompts)
        case flows.Finish(prompts, outcome):
            say_goodbye(s, outcome, *prompts)
        case flows.ToTransfer(number, seconds):
            target = to_e164(number, s.setting.region)
            if target is None:
                go(s, s.call.cursor, Answered("failed"))
            else:
                handover.send_outside(s, target, int(seconds))
        case flows.ToCallback(queue, mode, reason, requirement):
            if queue in s.setting.queues:
                wanted = None if mode == "queue" else mode
                callback_dialog.begin_from_flow(s, queue, reason=reason, requirement=requirement, mode=wanted)
            else:
                go(s, s.call.cursor, Answered("failed"))


def _to_queue(s: Step, to: flows.ToQueue) -> None:
    """Wait in a queue, or for one person first."""
    joining = Joining(
        reason=to.reason,
        leave=to.leave,
        # Back in the queue one stands in, after a question or a callback that was not arranged: the place is kept.
        place_at=s.call.place_at if s.call.queue_id == to.queue else None,
        priority=to.priority,
        requirement=to.requirement,
        person_seconds=to.person_seconds,
    )
    if to.person and s.setting.is_person(to.person) and to.queue in s.setting.queues:
        join_person(s, to.person, to.person_seconds, to.queue, joining)
    else:
        join(s, to.queue, joining)


def _ask(s: Step, kind: str, body: object, seconds: float) -> None:
    """Have something found out. The answer, or its absence, is a cause of its own."""
    call, until = s.call, s.now + timedelta(seconds=seconds)
    ask_id = f"{call.id}.{call.asks + 1}"
    assert isinstance(body, dict)
    s.happened(Kind.ASKED, ask_id=ask_id, what=kind, until=until.isoformat())
    s.asks.append(
        Ask(
            id=ask_id,
            call_id=call.id,
            tenant_id=call.tenant_id,
            kind=kind,
            body=body,
            until=until,
            seconds=seconds,
            caller=call.caller,
            language=call.language,
            channel=call.channel,
        )
    )


def _lost(s: Step) -> None:
    """The flow cannot go on (it was changed beneath the call, or is broken): a person takes over, never silence."""
    log.error("a flow could not go on", extra={"call_id": str(s.call.id), "line_id": str(s.line.id)})
    s.happened(Kind.FLOW_FAILED, node=s.call.cursor.node if s.call.cursor else None)
    if s.call.playback:
        s.do(StopPlay(playback=s.call.playback))
    if owed(s.call):
        callback_dialog.last_word(s)
        return
    queue = s.line.fallback_queue
    if queue is not None and queue in s.setting.queues:
        join_queue(s, queue, reason=s.call.reason, leave=None)
        s.do(Unpark(channel=s.call.channel))
        s.speak(s.call.channel, Prompt("sorry.technical"))
    else:
        invite_message(s, None, (Prompt("voicemail.instructions"),))
