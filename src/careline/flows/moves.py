"""What can happen to a caller in a flow, what a flow may look at then, and what is to be done. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from careline.flows.nodes import PERSON_SECONDS
from careline.flows.spoken import Prompt


class Stimulus(StrEnum):
    """What makes a flow go on, besides a key."""

    ENTERED = "entered"
    SPOKEN = "spoken"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Key:
    """A key was pressed."""

    digit: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A few words were understood. `confidence` from 0 to 1."""

    phrase: str
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Answered:
    """What was asked or handed over came back: by which exit, with which values (variable -> value)."""

    exit: str
    values: Mapping[str, Any] = field(default_factory=dict)


Cause = Stimulus | Key | Heard | Answered

Door = Literal["open", "closed", "closure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Env:
    """What a flow may look at. Asked for at the moment of a step; pure as long as its functions are."""

    now: datetime
    #: The line's IANA zone: what local time means.
    zone: str = "UTC"
    language: str = "en"
    door: Callable[[], Door] = lambda: "open"
    #: Whether a calendar is open now; None for one that does not exist (any more).
    calendar: Callable[[UUID], bool | None] = lambda _: None
    #: The row of a table for a key: column -> value; None when there is none.
    table: Callable[[str, str], Mapping[str, Any] | None] = lambda _name, _key: None
    #: More names for expressions: `caller.number`, `caller.known`, `line.name`, `channel` …
    facts: Mapping[str, Any] = field(default_factory=dict)


# --- actions ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Speak:
    """Play these prompts; report SPOKEN at their end."""

    prompts: tuple[Prompt, ...]


@dataclass(frozen=True, slots=True)
class Hush:
    """Stop what is being played."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Wait so many seconds for a key (or one of these phrases), else report SILENCE."""

    seconds: float
    phrases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chosen:
    """A key chose an option (for the timeline)."""

    node: str
    digit: str
    reason: str | None
    language: str | None


@dataclass(frozen=True, slots=True)
class Noted:
    """Variables that the agent is shown have these values now."""

    variables: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Consented:
    """The caller said whether the call may be recorded."""

    record: bool


@dataclass(frozen=True, slots=True)
class Ask:
    """Have something found out outside, within so many seconds; report `Answered`. `kind`: lookup, verify, agent.

    `body` may hold what a caller typed: it is carried out and forgotten, never written down.
    """

    kind: str
    body: Mapping[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True)
class ToTransfer:
    """Ring an outside number; report `Answered` with busy, no_answer or failed."""

    number: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ToCallback:
    """Offer to call back for a queue; report `Answered` with accepted, declined or failed."""

    queue: UUID
    mode: str
    reason: str | None
    requirement: str = ""


@dataclass(frozen=True, slots=True)
class ToQueue:
    """The flow hands the caller to a queue. `leave`, `callback`, `overflow`: nodes to go on at, where there are any.
    `requirement`: a skill expression; `person` is waited for first, for `person_seconds`."""

    queue: UUID
    reason: str | None
    leave: str | None
    callback: str | None = None
    overflow: str | None = None
    priority: int = 0
    requirement: str = ""
    person: UUID | None = None
    person_seconds: float = PERSON_SECONDS


@dataclass(frozen=True, slots=True)
class ToVoicemail:
    """The flow hands the caller to a voicemail, after these prompts."""

    department: UUID | None
    prompts: tuple[Prompt, ...]


@dataclass(frozen=True, slots=True)
class Finish:
    """Say goodbye, then hang up with this outcome."""

    prompts: tuple[Prompt, ...]
    outcome: str


Action = (
    Speak | Hush | Listen | Chosen | Noted | Consented | Ask | ToTransfer | ToCallback | ToQueue | ToVoicemail | Finish
)
