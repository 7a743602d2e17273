"""A callback: the caller hangs up and keeps the place. Its states, as parts of the call. Pure.

The same call goes on: one record, one timeline. `Arranging` is the dialogue by keys in which the caller asks for it;
`Callback` is what the call carries from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class Ask(StrEnum):
    """What a caller is being asked."""

    #: Whether the calling number is the one to call.
    NUMBER = "number"
    #: Another number, digit by digit.
    ENTER = "enter"
    #: Whether the number was keyed in rightly; asked twice, for nobody else has confirmed it.
    CHECK = "check"
    AGAIN = "again"
    #: At the caller's turn or later, and how much later.
    WHEN = "when"
    LATER = "later"
    #: Calling again while a callback waits: take the place or cancel it.
    RETURNING = "returning"
    #: The answer has been given and a last word is heard before the call goes on.
    DONE = "done"


class Origin(StrEnum):
    """Where the offer was made."""

    QUEUE = "queue"
    FLOW = "flow"
    OVERFLOW = "overflow"
    #: At the door: the caller has a callback already.
    ARRIVAL = "arrival"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arranging:
    """The dialogue by keys. Meanwhile the call keeps its place and is offered to nobody."""

    ask: Ask
    origin: Origin
    #: The number talked about, in E.164, and the keys of another one so far.
    number: str | None = None
    digits: str = ""
    #: How the number was confirmed: `calling-number`, `keys`.
    verified: str = ""
    tries: int = 0
    #: The waiting callback of somebody who calls again.
    old: UUID | None = None
    #: Who is rung first, where a flow says so; None: as the queue says.
    mode: str | None = None


class Stage(StrEnum):
    """Where a callback stands."""

    #: Arranged; the caller still hears the goodbye.
    GOODBYE = "goodbye"
    #: In line, or until its moment (`next_at`).
    WAITING = "waiting"
    #: The caller's telephone rings; agent-first, an agent listens already.
    DIALLING = "dialling"
    #: Caller-first: picked up; the greeting is heard out before anything is said.
    LISTENING = "listening"
    #: Caller-first: picked up, and asked to press a key, which no answering machine does.
    ASKING = "asking"
    #: An answering machine, or nobody who answered: silence is waited for, which comes after its beep.
    BEEP = "beep"
    #: It is told that we tried.
    MESSAGE = "message"
    #: The caller is on the line again: an ordinary call from here on.
    JOINED = "joined"


AGENT_FIRST, CALLER_FIRST = "agent-first", "caller-first"


#: The stages in which somebody, or something, has picked up and no agent is there.
PICKED_UP = frozenset({Stage.LISTENING, Stage.ASKING, Stage.BEEP, Stage.MESSAGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ear:
    """What has been heard of whoever picked up. Moments only: what is said is not listened to here."""

    since: datetime
    #: Since when sound is heard now; None: it is quiet.
    sounding: datetime | None = None
    #: Since when it is quiet.
    quiet: datetime | None = None
    #: Whether it sounds like an answering machine.
    machine: bool = False
    #: When something is due although nothing is heard: while an agent talks, where the stage has no end of its own.
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """What has been arranged with a caller, and how far it is."""

    number: str
    #: How the number was confirmed: `calling-number`, `keys`, `staff`.
    verified: str
    mode: str
    stage: Stage
    since: datetime
    #: After this moment nobody tries any more: the caller's department gets a message.
    expires_at: datetime
    #: Times that the caller was rung in vain.
    attempts: int = 0
    #: Why the last of them was in vain, and when.
    missed: str | None = None
    missed_at: datetime | None = None
    #: Not before this moment; None: when it is its turn.
    next_at: datetime | None = None
    #: End of the hours in which the caller may be rung; None while `next_at` is awaited, or without an end.
    window_ends: datetime | None = None
    #: How long the present stage may last.
    until: datetime | None = None
    #: The leg that rings, or reached, the caller.
    leg: str | None = None
    #: Agent-first: who listens while the caller's telephone rings.
    agent_id: UUID | None = None
    agent_leg: str | None = None
    agent_endpoint: str | None = None
    #: Watched for an answering machine; None: not, or no more.
    ear: Ear | None = None
    #: Whether the question for a key has been heard to its end.
    asked: bool = False
    #: What the call knew before: an answering machine is no conversation.
    connected_before: datetime | None = None
    #: The caller's later call that took the place over.
    merged_into: UUID | None = None

    def to_row(self) -> dict[str, Any]:
        """For the list and the screens."""
        return {
            "number": self.number,
            "verified": self.verified,
            "mode": self.mode,
            "stage": self.stage.value,
            "since": self.since.isoformat(),
            "attempts": self.attempts,
            "missed": self.missed,
            "missed_at": self.missed_at.isoformat() if self.missed_at else None,
            "machine": bool(self.ear and self.ear.machine),
            "next_at": self.next_at.isoformat() if self.next_at else None,
            "expires_at": self.expires_at.isoformat(),
        }
