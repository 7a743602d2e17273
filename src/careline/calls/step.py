"""A step: what one cause makes of one call. Collects the events and commands while the state moves along. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from careline.calls.asks import Ask
from careline.calls.fold import evolve
from careline.calls.model import Call, Event, Kind
from careline.calls.switch_commands import Command, Play
from careline.flows.model import Flow, FlowPin
from careline.flows.spoken import Prompt
from careline.kernel.calendar import Calendar
from careline.organization.model import EmergencyContact
from careline.queues.model import Queue


class Media(Protocol):
    """Turns a prompt into files: absolute paths without extension."""

    def __call__(self, tenant_id: int, language: str, key: str, **params: Any) -> tuple[str, ...]:
        """The media of one prompt in one language."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSetup:
    """What call control must know of a line, at one version of its configuration."""

    id: UUID
    tenant_id: int
    number: str
    name: str
    version: int
    language: str
    flow: Flow
    #: Opening state at a moment.
    hours: Callable[[datetime], Literal["open", "closed", "closure"]]
    #: Whether calls are recorded (announced by `record.notice` in the greeting).
    record: bool = True
    #: Whether callers are listened to for words that may mean danger.
    listen: bool = False
    #: The key that raises an emergency at every point of a call; None: this line has none.
    emergency_key: str | None = "*"
    #: Where such a call goes, when somebody is signed on there.
    emergency_queue: UUID | None = None
    #: Who is rung outside, in this order, when nobody here takes an emergency; and after how many seconds in line.
    emergency_contacts: tuple[EmergencyContact, ...] = ()
    emergency_patience: int = 30
    #: Where callers go who chose nothing.
    fallback_queue: UUID | None = None
    #: After so long in a queue callers are offered to leave a message; 0: never.
    max_wait_seconds: int = 0
    #: The opening hours, for whoever must look ahead; None: always open. And the location's IANA zone.
    calendar: Calendar | None = None
    zone: str = "UTC"
    #: The flow for a new call at a moment, and what the call remembers of the choice; None: always `flow`.
    flow_for: Callable[[UUID, datetime], tuple[Flow, FlowPin | None]] | None = None
    #: Whether a named calendar is open at a moment; None for one that does not exist (any more).
    calendar_open: Callable[[UUID, datetime], bool | None] = lambda _id, _at: None
    #: The row of a table for a key at a moment: column -> value; None when there is none.
    table: Callable[[str, str, datetime], Mapping[str, Any] | None] = lambda _name, _key, _at: None


class QueuesOf(Mapping[UUID, Queue]):
    """One tenant's queues among those of the whole floor: another's are not there, whatever a flow or an order says."""

    __slots__ = ("_all", "_tenant_id")

    def __init__(self, queues: Mapping[UUID, Queue], tenant_id: int) -> None:
        self._all, self._tenant_id = queues, tenant_id

    def __getitem__(self, queue_id: UUID) -> Queue:
        queue = self._all[queue_id]
        if queue.tenant_id != self._tenant_id:
            raise KeyError(queue_id)
        return queue

    def __iter__(self) -> Iterator[UUID]:
        return (queue_id for queue_id, queue in self._all.items() if queue.tenant_id == self._tenant_id)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The surroundings a decision may look at: of the call's tenant alone."""

    media: Media
    queues: Mapping[UUID, Queue]
    #: Place in the queue (from 1) and estimated seconds for a waiting call; None when nobody is staffed.
    outlook: Callable[[Call], tuple[int, float | None]]
    #: Whether a queue's rules sent a call elsewhere that was about to join it; then that is done.
    turn_away: Callable[[Step, UUID, Any], bool] = lambda _s, _queue, _joining: False
    #: Whether an id is that of somebody who works on this floor: they have a queue of their own.
    is_person: Callable[[UUID], bool] = lambda _: False
    #: Whether somebody takes calls of a queue now, be it that all are busy.
    staffed: Callable[[UUID], bool] = lambda _: True
    #: A callback that waits for the same caller, if there is one; and where numbers belong.
    callback_of: Callable[[Call], Call | None] = lambda _: None
    region: str = "US"


@dataclass(slots=True)
class Step:
    """The evolving call, with what has happened and what is to be done."""

    call: Call
    now: datetime
    setting: Setting
    line: LineSetup
    person_id: UUID | None = None
    events: list[Event] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    #: What is to be found out outside.
    asks: list[Ask] = field(default_factory=list)

    def happened(self, kind: Kind, **body: Any) -> None:
        """Note an event and move the state."""
        event = Event(call_id=self.call.id, kind=kind, at=self.now, body=body, person_id=self.person_id)
        self.events.append(event)
        self.call = evolve(self.call, event)

    def do(self, *commands: Command) -> None:
        """Give commands to the switch."""
        self.commands.extend(commands)

    def speak(self, channel: str, *prompts: Prompt) -> None:
        """Play prompts to the caller in the caller's language."""
        media: list[str] = []
        for prompt in prompts:
            media += self.setting.media(self.call.tenant_id, self.call.language, prompt.key, **dict(prompt.params))
        playback = self.call.next_playback()
        self.happened(Kind.PLAYED, playback=playback, prompts=[p.key for p in prompts])
        self.do(Play(channel=channel, playback=playback, media=tuple(media)))
