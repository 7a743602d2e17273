"""What callers meet, as data: a flow is a set of named nodes. Here are its words; `interpreter` walks it, `reading`
reads and checks it, `standard` makes the usual one from a line's settings. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from careline.kernel.errors import InvalidInput


class FlowError(InvalidInput):
    """The flow is not valid."""

    id = "invalid-flow"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt of the catalogue with its values, for example `queue.position` with `number=3`."""

    key: str
    params: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Speak prompts, then go on."""

    prompts: tuple[Prompt, ...]
    next: str
    #: Whether a key ends the prompts early; the emergency notice is heard to its end.
    interruptible: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What one key of a menu leads to."""

    next: str
    #: What the caller wants, for the agent's screen and the statistics.
    reason: str | None = None
    #: For a language choice: the language from here on.
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """Speak a choice and listen for one key. Silence or wrong keys end at `give_up`, which must reach a person or a
    voicemail: a caller without a keypad is a caller too."""

    prompts: tuple[Prompt, ...]
    options: Mapping[str, Option]
    give_up: str
    tries: int = 3
    seconds: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Branch by the line's opening hours at this moment."""

    open: str
    closed: str
    closure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterQueue:
    """Wait for an agent."""

    queue: UUID
    reason: str | None = None
    #: Where a caller goes who presses 1 while waiting.
    leave: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Voicemail:
    """Take a spoken message for a department."""

    department: UUID | None
    prompts: tuple[Prompt, ...] = (Prompt("voicemail.instructions"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Say goodbye and hang up."""

    prompts: tuple[Prompt, ...] = (Prompt("goodbye"),)
    outcome: str = "closed"


Node = Say | Menu | Hours | EnterQueue | Voicemail | End


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A validated flow."""

    start: str
    nodes: Mapping[str, Node]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where a caller is in a flow."""

    node: str
    tries: int = 0
    #: True while prompts of the node are being played.
    speaking: bool = False


class Stimulus(StrEnum):
    """What makes a flow go on, besides a key."""

    ENTERED = "entered"
    SPOKEN = "spoken"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Key:
    """A key was pressed."""

    digit: str


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
    """Wait so many seconds for a key, else report SILENCE."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Chosen:
    """A key chose an option (for the timeline)."""

    node: str
    digit: str
    reason: str | None
    language: str | None


@dataclass(frozen=True, slots=True)
class ToQueue:
    """The flow hands the caller to a queue."""

    queue: UUID
    reason: str | None
    leave: str | None


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


Action = Speak | Hush | Listen | Chosen | ToQueue | ToVoicemail | Finish
