"""A caller's wait in a queue: joining, and what is announced meanwhile. Pure."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from careline.calls import callback_rules, ways
from careline.calls.message import invite_message
from careline.calls.model import FIRST_OF_ALL, Call, Direct, Kind, Phase
from careline.calls.step import Step
from careline.calls.switch_commands import Park, Unpark
from careline.flows.nodes import PERSON_SECONDS
from careline.flows.spoken import Prompt
from careline.queues import skills
from careline.queues.estimate import Announced
from careline.queues.estimate import announce as announced
from careline.queues.rules import Announce

log = logging.getLogger(__name__)

#: A caller who is not connected within this time hears place and wait for the first time.
FIRST_ANNOUNCEMENT = timedelta(seconds=4)
#: Upper ends, in minutes, of the ranges that are recorded: "five to ten minutes".
BANDS = (1, 2, 5, 10, 15, 20, 30, 45)

#: A caller who lost the agent through no fault of their own goes before everyone of the same queue, and is not turned
#: away at the door.
HEAD_OF_QUEUE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """How a call joins a queue."""

    reason: str | None
    leave: str | None
    #: Since when the place counts; None: from now.
    place_at: datetime | None = None
    priority: int = 0
    #: For one person only, at first.
    direct: Direct | None = None
    #: It comes from another queue: rules of overflow that have been applied stay applied.
    kept: bool = False
    #: What the agent must be able to do; None: as before.
    requirement: str | None = None
    #: How long one person alone is waited for, where the queue is a person's own, in seconds.
    person_seconds: float = PERSON_SECONDS


def join_queue(
    s: Step,
    queue_id: UUID,
    *,
    reason: str | None,
    leave: str | None,
    place_at: datetime | None = None,
    priority: int = 0,
    requirement: str | None = None,
) -> None:
    """Wait in a queue with music, unless its rules send the caller elsewhere. A queue that no longer exists becomes a
    voicemail: never a dead end."""
    joining = Joining(reason=reason, leave=leave, place_at=place_at, priority=priority, requirement=requirement)
    join(s, queue_id, joining)


def join_person(s: Step, agent_id: UUID, seconds: float, backup: UUID, joining: Joining) -> None:
    """Wait in a person's own queue for a while, then (or at once, when the person is signed off) in the backup."""
    direct = Direct(agent_id=agent_id, until=s.now + timedelta(seconds=seconds))
    join(s, backup, replace(joining, direct=direct))


def join(s: Step, queue_id: UUID, joining: Joining) -> None:
    """Wait in a queue, or go where its rules say."""
    old = s.setting.callback_of(s.call) if s.call.phase is Phase.FLOW and joining.place_at is None else None
    if old and old.queue_id == queue_id and old.place_at:
        # The same caller waits for a callback here: one place, the better one.
        s.happened(Kind.CALLBACK_MERGED, old=str(old.id))
        joining = replace(joining, place_at=old.place_at, priority=max(joining.priority, old.priority))
    backup = s.line.fallback_queue
    if queue_id not in s.setting.queues and s.setting.is_person(queue_id) and backup in s.setting.queues:
        # A menu or a direct line that leads to a person: their own queue first, then the line's.
        assert backup is not None
        join_person(s, queue_id, joining.person_seconds, backup, joining)
    elif queue_id not in s.setting.queues:
        invite_message(s, None, (Prompt("voicemail.instructions"),))
    elif joining.priority >= HEAD_OF_QUEUE or joining.direct or not s.setting.turn_away(s, queue_id, joining):
        put_in_line(s, queue_id, joining)


def put_in_line(s: Step, queue_id: UUID, joining: Joining) -> None:
    """Wait in a queue with music, whatever its rules say about joining."""
    queue, direct = s.setting.queues[queue_id], joining.direct
    if joining.requirement:
        joining = replace(joining, requirement=_readable(joining.requirement))
    frozen: dict[str, Any] = {}
    if queue.rules.rings_frozen:
        frozen["rings"] = msgspec.to_builtins(queue.rules.rings, order="deterministic")
    if direct:
        frozen["direct"] = {"agent_id": str(direct.agent_id), "until": direct.until.isoformat()}
    s.happened(
        Kind.QUEUED,
        queue_id=str(queue_id),
        reason=joining.reason,
        leave=joining.leave,
        # Who raised an emergency stays first in every queue to come.
        priority=max(joining.priority, FIRST_OF_ALL if s.call.emergency_how in ("key", "words") else 0),
        requirement=s.call.requirement if joining.requirement is None else joining.requirement,
        place_at=joining.place_at.isoformat() if joining.place_at else None,
        announce_at=(s.now + FIRST_ANNOUNCEMENT).isoformat(),
        kept=joining.kept,
        **frozen,
    )
    s.do(Park(channel=s.call.channel))


def _readable(requirement: str) -> str:
    """A flow can make a skill expression from what a table says: one that is none asks for nothing."""
    try:
        skills.parse(requirement)
    except skills.BadExpression:
        log.warning("a flow asked for skills that cannot be read")
        return ""
    return requirement


def choices(s: Step, *, first: bool) -> tuple[Prompt, ...]:
    """The keys that a waiting caller has, always in this order: 1 a message, 2 a callback, and the emergency key, which
    is told once in a wait."""
    said: list[Prompt] = []
    if s.call.leave:
        said.append(Prompt("queue.voicemail-offer"))
    if ways.way(s, "callback") or callback_rules.offered(s):
        said.append(Prompt("callback.offer"))
    if first and s.line.emergency_key and not s.call.emergency:
        said.append(Prompt("menu.option.emergency", (("digit", s.line.emergency_key),)))
    return tuple(said)


def announce(s: Step) -> None:
    """Tell a waiting caller place and expected wait, and the choices there are.

    The wait is rounded up to a range, is capped, and never grows without an apology (`queues.estimate.announce`).
    """
    call = s.call
    assert call.queue_id is not None
    queue = s.setting.queues.get(call.queue_id)
    rules = queue.rules.announce if queue else Announce()
    place, seconds = s.setting.outlook(call)
    told = tell(seconds, _last(call), rules)
    place_said = rules.position and not (rules.only_if_improved and place >= (call.announced_place or place + 1))
    every = timedelta(seconds=queue.announce_seconds if queue else 45)
    s.happened(
        Kind.ANNOUNCED,
        place=place if place_said else None,
        minutes=told.high if told else None,
        low=told.low if told else None,
        more=bool(told and told.low is None),
        longer=bool(told and told.longer),
        # What the figure came from: measured against the wait that it became (reporting.announcements).
        estimate=None if seconds is None else round(seconds, 1),
        next_at=(s.now + every).isoformat(),
    )
    prompts = [Prompt("queue.position", (("number", place),))] if place_said else []
    prompts += _wait_prompts(told) if told else (Prompt("queue.comfort"),)
    first = call.announced_place is None and call.announced_minutes is None
    if first and queue and queue.surge:
        prompts.insert(0, Prompt("surge.notice"))
    prompts += choices(s, first=first)
    s.do(Unpark(channel=call.channel))
    s.speak(call.channel, *prompts)


def tell(seconds: float | None, last: Announced | None, rules: Announce) -> Announced | None:
    """What is said of an expected wait: the recorded range that ends at or after the estimate. None: nothing."""
    told = announced(seconds, last, rules)
    if told is None or told.low is None:
        return told
    band = next((b for b in BANDS if told.high <= b), None)
    if band is None or band > rules.cap_minutes:
        return Announced(low=None, high=min(rules.cap_minutes, BANDS[-1]), longer=told.longer)
    place = BANDS.index(band)
    said = Announced(low=BANDS[place - 1] if place else 0, high=band, longer=told.longer)
    return None if rules.only_if_improved and said == last else said


def _last(call: Call) -> Announced | None:
    if call.announced_minutes is None:
        return None
    return Announced(low=call.announced_low, high=call.announced_minutes)


def _wait_prompts(told: Announced) -> tuple[Prompt, ...]:
    sorry = (Prompt("queue.wait-longer"),) if told.longer else ()
    if told.low is None:
        return (*sorry, Prompt("queue.wait-more-than"), Prompt("value.minutes", (("number", told.high),)))
    return (*sorry, Prompt("queue.wait-range", (("high", told.high),)))
