"""A call's event rows, told as a story: steps in order, and stretches of time for the drawing to scale.

Pure. The caller has one lane (menu, waiting, talk, hold, voicemail); each agent has one (ringing, talk, hold, wrap-up).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class Stretch(StrEnum):
    """What went on during a stretch of time."""

    #: Greeting, language choice, menu.
    FLOW = "flow"
    #: In a queue.
    WAITING = "waiting"
    #: An agent's telephone rings.
    RINGING = "ringing"
    #: Caller and agent are connected.
    TALK = "talk"
    #: Connected, but the caller hears music.
    HOLD = "hold"
    #: The caller was handed on to an outside number and talks there.
    OUTSIDE = "outside"
    #: The caller speaks after the tone.
    VOICEMAIL = "voicemail"
    #: The caller has hung up and is to be called back.
    CALLBACK = "callback"
    #: The agent finishes the record after the call.
    WRAP_UP = "wrap_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event row of a call."""

    at: datetime
    kind: str
    body: dict[str, Any] = field(default_factory=dict)

    def id(self, key: str) -> UUID | None:
        """An identifier in the body; None when it is absent or not one."""
        try:
            return UUID(str(self.body[key]))
        except (KeyError, ValueError):
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One stretch in a lane. `agent` is None in the caller's lane; `end` is None while it still goes on."""

    kind: Stretch
    start: datetime
    end: datetime | None
    agent: UUID | None = None
    #: The queue waited in or called for.
    queue: UUID | None = None
    #: How it ended, where that matters: the reason of a vain offer.
    ended: str | None = None

    def seconds(self, now: datetime) -> float:
        """How long it lasted, or has lasted until now."""
        return max(0.0, ((self.end or now) - self.start).total_seconds())


class _Lanes:
    """What is going on in each lane while the events are read: one thing at a time."""

    def __init__(self) -> None:
        self.done: list[Segment] = []
        self.going: dict[UUID | None, Segment] = {}
        #: The agent connected with the caller.
        self.agent: UUID | None = None

    def close(self, lane: UUID | None, at: datetime, ended: str | None = None) -> None:
        if (segment := self.going.pop(lane, None)) is not None:
            self.done.append(replace(segment, end=at, ended=ended))

    def begin(self, lane: UUID | None, kind: Stretch, at: datetime, queue: UUID | None = None) -> None:
        self.close(lane, at)
        self.going[lane] = Segment(kind=kind, start=at, end=None, agent=lane, queue=queue)

    def both(self, kind: Stretch, at: datetime) -> None:
        self.begin(None, kind, at)
        if self.agent is not None:
            self.begin(self.agent, kind, at)

    def connect(self, who: UUID, at: datetime, queue: UUID | None) -> None:
        if self.agent not in (None, who):
            self.close(self.agent, at)
        self.agent = who
        self.begin(None, Stretch.TALK, at)
        self.begin(who, Stretch.TALK, at, queue)

    def leave(self, who: UUID | None, at: datetime, *, wrap_up: bool) -> None:
        left = who or self.agent
        if left is None:
            return
        self.close(left, at)
        if wrap_up:
            self.begin(left, Stretch.WRAP_UP, at)
        if left == self.agent:
            self.agent = None

    def end(self, at: datetime) -> None:
        """The caller is gone; only wrapping up goes on."""
        for lane, segment in list(self.going.items()):
            if segment.kind is Stretch.WRAP_UP:
                continue
            self.close(lane, at, "caller-left" if segment.kind is Stretch.RINGING else None)


def segments(steps: Sequence[Step]) -> list[Segment]:
    """The stretches of a call, in order of their beginning. Missing events do no harm: a lane holds one at a time."""
    lanes = _Lanes()
    for step in steps:
        _read(lanes, step)
    found = [*lanes.done, *lanes.going.values()]
    found.sort(key=lambda s: (s.start, s.agent is not None, s.kind))
    return [s for s in found if s.end is None or s.end > s.start]


def _read(lanes: _Lanes, step: Step) -> None:
    at, who, queue = step.at, step.id("agent_id"), step.id("queue_id")
    match step.kind:
        case "arrived":
            lanes.begin(None, Stretch.FLOW, at)
        case "queued":
            lanes.begin(None, Stretch.WAITING, at, queue)
        case "callback_arranged" | "callback_message":
            lanes.begin(None, Stretch.CALLBACK, at, queue)
        case "callback_dialled" if who is not None:
            lanes.begin(who, Stretch.RINGING, at, queue)
        case "offered" if who is not None:
            lanes.begin(who, Stretch.RINGING, at, queue)
        case "offer_ended" if who is not None:
            lanes.close(who, at, str(step.body.get("reason") or "") or None)
        case "connected" if who is not None:
            lanes.connect(who, at, queue)
        case "held":
            lanes.both(Stretch.HOLD, at)
        case "resumed":
            lanes.both(Stretch.TALK, at)
        case "transfer_started":
            # The agent talks to the other side while the caller hears music.
            lanes.begin(None, Stretch.HOLD, at)
        case "transfer_failed" | "transfer_cancelled":
            lanes.begin(None, Stretch.HOLD if step.body.get("held") else Stretch.TALK, at)
        case "transferred" if step.body.get("to") == "number":
            lanes.begin(None, Stretch.OUTSIDE, at)
        case "agent_left":
            lanes.leave(who, at, wrap_up=bool(step.body.get("wrap_up")))
        case "voicemail_started":
            lanes.begin(None, Stretch.VOICEMAIL, at)
        case "voicemail_ended" | "ending":
            lanes.begin(None, Stretch.FLOW, at)
        case "ended" | "refused":
            lanes.end(at)
        case "wrapped_up":
            lane = who if who is not None else _wrapping(lanes)
            lanes.close(lane, at, str(step.body.get("code") or "") or None)
        case _:
            pass


def _wrapping(lanes: _Lanes) -> UUID | None:
    """The agent who is wrapping up, when the event does not name one."""
    return next((lane for lane, s in lanes.going.items() if s.kind is Stretch.WRAP_UP), None)


def totals(found: Sequence[Segment], now: datetime) -> dict[Stretch, float]:
    """Seconds by kind. Talk and hold are counted once, in the caller's lane."""
    sums: dict[Stretch, float] = {}
    for segment in found:
        if segment.agent is not None and segment.kind in (Stretch.TALK, Stretch.HOLD):
            continue
        sums[segment.kind] = sums.get(segment.kind, 0.0) + segment.seconds(now)
    return sums
