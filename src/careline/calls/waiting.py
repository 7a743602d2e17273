"""A caller's wait in a queue: joining, and what is announced meanwhile. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from careline.calls.message import invite_message
from careline.calls.model import FIRST_OF_ALL, Kind
from careline.calls.ports import Park, Unpark
from careline.calls.step import Step
from careline.flows.model import Prompt
from careline.queues.model import announced_minutes

#: A caller who is not connected within this time hears place and wait for the first time.
FIRST_ANNOUNCEMENT = timedelta(seconds=4)


def join_queue(
    s: Step,
    queue_id: UUID,
    *,
    reason: str | None,
    leave: str | None,
    place_at: datetime | None = None,
    priority: int = 0,
) -> None:
    """Wait in a queue with music. A queue that no longer exists becomes a voicemail: never a dead end."""
    if queue_id not in s.setting.queues:
        invite_message(s, None, (Prompt("voicemail.instructions"),))
        return
    s.happened(
        Kind.QUEUED,
        queue_id=str(queue_id),
        reason=reason,
        leave=leave,
        # Who raised an emergency stays first in every queue to come.
        priority=max(priority, FIRST_OF_ALL if s.call.emergency_how in ("key", "words") else 0),
        place_at=place_at.isoformat() if place_at else None,
        announce_at=(s.now + FIRST_ANNOUNCEMENT).isoformat(),
    )
    s.do(Park(channel=s.call.channel))


def announce(s: Step) -> None:
    """Tell a waiting caller place and expected wait: a figure that is rounded up and never grows."""
    call = s.call
    assert call.queue_id is not None
    queue = s.setting.queues.get(call.queue_id)
    place, seconds = s.setting.outlook(call)
    minutes = None if seconds is None else announced_minutes(timedelta(seconds=seconds), call.announced_minutes)
    every = timedelta(seconds=queue.announce_seconds if queue else 45)
    s.happened(Kind.ANNOUNCED, place=place, minutes=minutes, next_at=(s.now + every).isoformat())
    prompts = [Prompt("queue.position", (("number", place),))]
    prompts.append(Prompt("queue.comfort") if minutes is None else Prompt("queue.wait-range", (("high", minutes),)))
    if call.leave:
        prompts.append(Prompt("queue.voicemail-offer"))
    s.do(Unpark(channel=call.channel))
    s.speak(call.channel, *prompts)
