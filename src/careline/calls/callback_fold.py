"""The fold of a callback's events. Pure; called by `fold.evolve` and by nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from careline.calls.callback_model import Arranging, Ask, Callback, Ear, Origin, Stage
from careline.calls.model import Call, Event, Kind, Phase


def evolve(call: Call, event: Event) -> Call:
    """The state after one event of a callback."""
    b, at, callback = event.body, event.at, call.callback
    if event.kind is Kind.CALLBACK_ASKED:
        asked = replace(call, arranging=_arranging(b), listen_until=_time(b["listen_until"]))
        return replace(asked, announce_at=_time(b["announce_at"])) if b["announce_at"] else asked
    if event.kind is Kind.CALLBACK_ARRANGED:
        return replace(
            call,
            phase=Phase.CALLBACK,
            callback=_arranged(b, call, at),
            arranging=None,
            direct=None,
            announce_at=None,
            listen_until=None,
        )
    if callback is None:
        return call
    match event.kind:
        case Kind.CALLBACK_GOODBYE:
            goodbye = replace(callback, stage=Stage.GOODBYE, until=_time(b["until"]))
            return replace(call, phase=Phase.CALLBACK, callback=goodbye, cursor=None, listen_until=None, ask=None)
        case Kind.CALLBACK_WAITING:
            return _resting(call, callback, b)
        case Kind.CALLBACK_MISSED:
            missed = replace(callback, attempts=b["attempts"], missed=b["reason"], missed_at=at)
            return _resting(call, missed, b)
        case Kind.CALLBACK_CHANGED:
            expires = datetime.fromisoformat(b["expires_at"])
            changed = replace(callback, number=b["number"], verified=b["verified"], expires_at=expires)
            return replace(_resting(call, changed, b), priority=b["priority"])
        case Kind.CALLBACK_DIALLED:
            agent_id = b.get("agent_id")
            dialling = replace(
                callback,
                stage=Stage.DIALLING,
                leg=b["leg"],
                until=_time(b["until"]),
                agent_id=UUID(agent_id) if agent_id else None,
                agent_leg=b.get("agent_leg"),
                agent_endpoint=b.get("agent_endpoint"),
            )
            return replace(call, callback=dialling, offers=(), legs=call.legs + 1)
        case Kind.CALLBACK_ANSWERED:
            answered = replace(
                callback,
                stage=Stage(b["stage"]),
                until=_time(b["until"]),
                agent_id=None,
                agent_leg=None,
                agent_endpoint=None,
                ear=_ear(callback, b, at),
                asked=False,
            )
            return replace(call, channel=b["leg"], callback=answered, playback=None)
        case Kind.CALLBACK_VOICE:
            return _heard(call, callback, b, at)
        case Kind.CALLBACK_MESSAGE:
            stage = Stage.MESSAGE if b.get("speaks", True) else Stage.BEEP
            ear = callback.ear or (Ear(since=at, quiet=at) if stage is Stage.BEEP else None)
            leaving = replace(callback, stage=stage, until=_time(b["until"]), ear=ear)
            return replace(
                call,
                phase=Phase.CALLBACK,
                callback=leaving,
                connected_at=callback.connected_before,
                listen_until=None,
                held=False,
                muted=False,
                recording=None,
            )
        case Kind.CALLBACK_MERGED if b.get("into"):
            return replace(call, callback=replace(callback, merged_into=UUID(b["into"])))
        case _:
            return call


def _arranging(b: Mapping[str, Any]) -> Arranging | None:
    if b["ask"] is None:
        return None
    return Arranging(
        ask=Ask(b["ask"]),
        origin=Origin(b["origin"]),
        number=b["number"],
        digits=b["digits"],
        verified=b["verified"],
        tries=b["tries"],
        old=UUID(b["old"]) if b["old"] else None,
        mode=b.get("mode"),
    )


def _arranged(b: Mapping[str, Any], call: Call, at: datetime) -> Callback:
    return Callback(
        number=b["number"],
        verified=b["verified"],
        mode=b["mode"],
        stage=Stage.GOODBYE,
        since=at,
        expires_at=datetime.fromisoformat(b["expires_at"]),
        next_at=_time(b["next_at"]),
        window_ends=_time(b["window_ends"]),
        until=_time(b["until"]),
        connected_before=call.connected_at,
    )


def _ear(callback: Callback, b: Mapping[str, Any], at: datetime) -> Ear | None:
    """Listening begins at the pick-up (`watch`), goes on to the question, and ends when a person is there."""
    if b.get("watch"):
        return Ear(since=at, until=_time(b.get("ear_until")))
    return callback.ear if Stage(b["stage"]) is Stage.ASKING else None


def _heard(call: Call, callback: Callback, b: Mapping[str, Any], at: datetime) -> Call:
    ear = callback.ear
    if b.get("over"):
        ear = None
    elif ear is not None:
        ear = replace(ear, machine=ear.machine or bool(b.get("machine")), until=_time(b.get("ear_until")))
        if b.get("on") is not None:
            ear = replace(ear, sounding=at if b["on"] else None, quiet=None if b["on"] else at)
    callback = replace(callback, ear=ear, asked=callback.asked or bool(b.get("asked")))
    if "until" in b:
        callback = replace(callback, until=_time(b["until"]))
    return replace(call, callback=callback)


def _resting(call: Call, callback: Callback, b: Mapping[str, Any]) -> Call:
    """Nobody is on any line: the callback waits for its turn or its moment."""
    resting = replace(
        callback,
        stage=Stage.WAITING,
        next_at=_time(b["next_at"]),
        window_ends=_time(b["window_ends"]),
        until=None,
        leg=None,
        agent_id=None,
        agent_leg=None,
        agent_endpoint=None,
        ear=None,
        asked=False,
    )
    spared = dict(call.spared)
    if b.get("spare"):
        spared[UUID(b["spare"])] = datetime.fromisoformat(b["spare_until"])
    return replace(
        call,
        phase=Phase.CALLBACK,
        callback=resting,
        cursor=None if owed(call) else call.cursor,
        ask=None,
        spared=spared,
        playback=None,
        listen_until=None,
        recording=None,
    )


def _time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def moments(call: Call) -> list[datetime | None]:
    """What is due to a callback, in no order."""
    callback = call.callback
    if callback is None or call.phase not in (Phase.CALLBACK, Phase.WAITING):
        return [callback.ear.until] if callback and callback.ear and call.phase is Phase.TALKING else []
    if call.phase is Phase.CALLBACK and callback.stage is Stage.WAITING:
        return [callback.next_at or callback.window_ends, callback.expires_at]
    return [callback.until]


def owed(call: Call) -> bool:
    """Whether a callback is arranged while a flow still speaks with its caller: whatever ends the flow, it stands."""
    callback = call.callback
    return call.phase is Phase.FLOW and callback is not None and callback.stage is Stage.GOODBYE


def in_line(call: Call) -> bool:
    """Whether the call counts as waiting for its turn: a caller with music, or a callback whose moment has come."""
    if call.phase is Phase.CALLBACK and call.callback is not None:
        return call.callback.stage is Stage.WAITING and call.callback.next_at is None
    return call.phase is Phase.WAITING and call.arranging is None and call.transfer is None
