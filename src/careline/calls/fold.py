"""The fold of a call's events into its state, and what is due to it next. Pure.

`evolve` turns one event into the next state and is the only way a state changes, live and after a restart alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from careline.calls import callback_fold, handling_fold, help_model
from careline.calls.model import (
    Call,
    Direct,
    Event,
    Kind,
    Message,
    Offer,
    Pending,
    Phase,
)
from careline.flows.model import Cursor, FlowPin
from careline.queues.rules import Ring


def _time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def _sure(value: str) -> datetime:
    return datetime.fromisoformat(value)


def begin(event: Event, tenant_id: int) -> Call:
    """The state right after arrival."""
    b = event.body
    return Call(
        id=event.call_id,
        tenant_id=tenant_id,
        line_id=UUID(b["line_id"]),
        channel=b["channel"],
        source=b["source"],
        dialled=b["dialled"],
        caller=b["caller"],
        caller_name=b["caller_name"],
        language=b["language"],
        config_version=b["config_version"],
        flow=FlowPin.from_body(b.get("flow")),
        arrived_at=event.at,
    )


def evolve(call: Call, event: Event) -> Call:
    """The state after one more event."""
    b, at = event.body, event.at
    match event.kind:
        case Kind.ARRIVED | Kind.RECOVERED | Kind.CODED:
            return call
        case Kind.ANSWERED:
            return replace(call, phase=Phase.FLOW, answered_at=at)
        case Kind.PLAYED:
            return replace(call, playback=b["playback"], playbacks=call.playbacks + 1, listen_until=None)
        case Kind.FLOW_MOVED:
            return replace(
                call,
                phase=Phase.FLOW,
                cursor=Cursor.from_body(b),
                listen_until=_time(b["listen_until"]),
                playback=call.playback if b["speaking"] else None,
                unconfirmed=None,
                help=None,
            )
        case Kind.KEY_PRESSED:
            return call
        case Kind.LANGUAGE_CHOSEN:
            return replace(call, language=b["language"])
        case Kind.MENU_CHOSEN:
            return replace(call, reason=b["reason"] or call.reason)
        case Kind.QUEUED:
            return replace(
                call,
                phase=Phase.WAITING,
                queue_id=UUID(b["queue_id"]),
                queued_at=at,
                place_at=_time(b.get("place_at")) or at,
                priority=b["priority"],
                requirement=b.get("requirement", ""),
                site=call.site if b.get("kept") else None,
                reason=b["reason"] or call.reason,
                leave=b["leave"],
                announced_place=None,
                announced_low=None,
                announced_minutes=None,
                announce_at=_time(b["announce_at"]),
                spared={},
                diverted=call.diverted if b.get("kept") else frozenset(),
                direct=_direct(b.get("direct")),
                rings=_rings(b.get("rings")),
                arranging=None,
                listen_until=None,
                ask=None,
                ahead="",
                held=False,
                muted=False,
            )
        case Kind.ANNOUNCED:
            told = b["minutes"] is not None
            return replace(
                call,
                announced_place=b["place"] or call.announced_place,
                announced_low=b.get("low", 0) if told else call.announced_low,
                announced_minutes=b["minutes"] if told else call.announced_minutes,
                announce_at=_sure(b["next_at"]),
            )
        case Kind.OFFERED:
            return replace(
                call,
                offers=(
                    *call.offers,
                    Offer(agent_id=UUID(b["agent_id"]), leg=b["leg"], endpoint=b["endpoint"], until=_sure(b["until"])),
                ),
                legs=call.legs + 1,
                offered_at=call.offered_at or at,
                rung_at=at,
            )
        case Kind.OFFER_ENDED:
            agent_id = UUID(b["agent_id"])
            spared = {who: until for who, until in call.spared.items() if until > at}
            if b["spare_until"]:
                spared[agent_id] = _sure(b["spare_until"])
            left = tuple(o for o in call.offers if o.agent_id != agent_id)
            return replace(call, offers=left, spared=spared, offered_at=call.offered_at if left else None)
        case (
            Kind.CONNECTED
            | Kind.HELD
            | Kind.RESUMED
            | Kind.MUTED
            | Kind.UNMUTED
            | Kind.TRANSFER_STARTED
            | Kind.TRANSFER_ANSWERED
            | Kind.TRANSFER_FAILED
            | Kind.TRANSFER_CANCELLED
            | Kind.TRANSFERRED
            | Kind.PHONE_LOST
            | Kind.PHONE_RINGING_BACK
            | Kind.PHONE_BACK
            | Kind.AGENT_LEFT
            | Kind.NOTES_ASKED
            | Kind.WRAPPED_UP
        ):
            return handling_fold.evolve(call, event)
        case Kind.RECORDING_STARTED:
            return replace(call, recording=b["recording_id"], recordings=call.recordings + 1)
        case Kind.DIGITS_SENT:
            return call
        case Kind.REQUEUED:
            return _wait_on(call, b) if b.get("resume") else call
        case Kind.DIVERTED:
            site = UUID(b["target"]) if b["to"] == "site" else call.site
            return replace(call, diverted=call.diverted | {f"{b['reason']}:{b['queue_id']}"}, site=site)
        case Kind.PRIORITY_CHANGED:
            return replace(call, priority=b["priority"])
        case Kind.RECOGNISED:
            return replace(call, last_agent=UUID(b["agent_id"]), last_agent_at=_time(b["talked_at"]))
        case Kind.VOICEMAIL_STARTED:
            return replace(
                call,
                phase=Phase.VOICEMAIL,
                queue_id=None,
                offers=(),
                announce_at=None,
                listen_until=_time(b.get("listen_until")),
                ask=None,
                recordings=call.recordings + (1 if b["recording_id"] else 0),
                message=Message(
                    recording=b["recording_id"],
                    department=UUID(b["department_id"]) if b["department_id"] else None,
                    started_at=at if b["recording_id"] else None,
                    until=_time(b["until"]),
                    asked=b.get("asked", 0),
                ),
                help=None,
            )
        case Kind.FELL_SILENT | Kind.SPOKE:
            silent = at if event.kind is Kind.FELL_SILENT else None
            return replace(call, message=replace(call.message, silent_since=silent) if call.message else None)
        case Kind.VOICEMAIL_ENDED:
            return replace(call, message=replace(call.message, until=None) if call.message else None)
        case (
            Kind.CALLBACK_ASKED
            | Kind.CALLBACK_ARRANGED
            | Kind.CALLBACK_GOODBYE
            | Kind.CALLBACK_WAITING
            | Kind.CALLBACK_CHANGED
            | Kind.CALLBACK_DIALLED
            | Kind.CALLBACK_ANSWERED
            | Kind.CALLBACK_VOICE
            | Kind.CALLBACK_MESSAGE
            | Kind.CALLBACK_MISSED
            | Kind.CALLBACK_MERGED
            | Kind.CALLBACK_CANCELLED
        ):
            return callback_fold.evolve(call, event)
        case Kind.ASKED:
            pending = Pending(id=b["ask_id"], kind=b["what"], until=_sure(b["until"]))
            return replace(call, ask=pending, asks=call.asks + 1)
        case Kind.ASK_ENDED:
            return replace(call, ask=None)
        case Kind.CONSENTED:
            return replace(call, consent=b["record"])
        case Kind.NOTED:
            return replace(call, noted={**call.noted, **b["variables"]})
        case Kind.FLOW_FAILED:
            return replace(call, ask=None)
        case Kind.HEARD:
            if b["what"] == "red-flag":
                return call
            return replace(call, unconfirmed=b.get("phrase"), listen_until=_time(b.get("listen_until")))
        case Kind.EMERGENCY_RAISED:
            # By an agent it is a flag. By the caller it also makes the call first in line, even from its goodbye.
            how = b.get("how", "agent")
            ending = call.ending if how == "agent" else None
            priority = max(call.priority, b.get("priority", 0))
            raised = replace(call, emergency=True, emergency_how=how, priority=priority, ending=ending)
            if how == "agent" or call.arranging is None:
                return raised
            # Nothing else is asked of the caller now.
            return replace(raised, arranging=None, listen_until=None)
        case Kind.HELP_AWAITED:
            return replace(call, help=help_model.awaited(b), listen_until=None)
        case Kind.HELP_CALLED:
            return replace(call, help=help_model.called(call.help, b))
        case Kind.HELP_ASKED:
            return replace(call, help=help_model.asked(call.help, b))
        case Kind.HELP_ENDED:
            return replace(call, help=None)
        case Kind.ENDING:
            call = replace(call, phase=Phase.FLOW, ending=b["outcome"], queue_id=None)
            return replace(call, listen_until=None, ask=None, help=None)
        case Kind.ENDED | Kind.REFUSED:
            return replace(
                call,
                phase=Phase.ENDED,
                ended_at=at,
                ended_by=b["by"],
                outcome=b["outcome"],
                offers=(),
                transfer=None,
                outside=None,
                arranging=None,
                playback=None,
                listen_until=None,
                ask=None,
                announce_at=None,
                help=None,
            )


def _direct(body: Mapping[str, str] | None) -> Direct | None:
    return Direct(agent_id=UUID(body["agent_id"]), until=_sure(body["until"])) if body else None


def _rings(body: list[dict[str, Any]] | None) -> tuple[Ring, ...] | None:
    return None if body is None else msgspec.convert(body, tuple[Ring, ...])


def _wait_on(call: Call, body: Mapping[str, Any]) -> Call:
    """The wait goes on where it was, as if nobody had answered: the same place, rings, and agents passed over."""
    spared = dict(call.spared)
    spared[UUID(body["agent_id"])] = _sure(body["spare_until"])
    return replace(call, phase=Phase.WAITING, handling=None, spared=spared, announce_at=_sure(body["announce_at"]))


def fold(events: Iterable[Event], tenant_id: int) -> Call:
    """The state of a call from all its events, in order. Raises `ValueError` when there are none."""
    call: Call | None = None
    for event in events:
        call = begin(event, tenant_id) if call is None else evolve(call, event)
    if call is None:
        raise ValueError("a call without events")
    return call
