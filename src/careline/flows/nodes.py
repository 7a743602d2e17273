"""The kinds of nodes a flow is made of: what each knows. Where it leads is in `exits`, by name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from careline.flows.spoken import Prompt, Spoken
from careline.kernel.expressions import Expression

#: A thing of the organization: its id, or its name while a flow is written; publishing turns names into ids.
Ref = UUID | str

Exits = Mapping[str, str]

#: How long a caller who asks for one person waits for that person alone, unless the flow says otherwise, in seconds.
PERSON_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Speak prompts, then go on. Exits: next."""

    prompts: tuple[Spoken, ...]
    exits: Exits
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
    #: Words that choose this as the key does, by language.
    phrases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: What the agent must be able to do for whoever chose this, in every queue from here on: a skill expression.
    requirement: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """Speak a choice and listen for one key or a few words. Exits: no_input, no_match; they must reach a person or a
    voicemail: a caller without a keypad is a caller too."""

    prompts: tuple[Spoken, ...]
    options: Mapping[str, Option]
    exits: Exits
    tries: int = 3
    seconds: float = 5.0


#: How typed digits are understood.
Typed = Literal["digits", "number", "date", "phone", "money"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collect:
    """Let the caller type digits into a variable. Exits: next, no_input, no_match."""

    prompts: tuple[Spoken, ...]
    variable: str
    exits: Exits
    type: Typed = "digits"
    least: int = 1
    most: int = 20
    terminator: str = "#"
    #: Seconds for the first digit, and between digits.
    seconds: float = 5.0
    between: float = 3.0
    tries: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One way of a branch."""

    when: Expression
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Go on by the first condition that holds. Exits: otherwise."""

    cases: tuple[Case, ...]
    exits: Exits


@dataclass(frozen=True, slots=True, kw_only=True)
class SetValues:
    """Give variables values: plain ones, or expressions. Exits: next."""

    values: Mapping[str, Any]
    exits: Exits


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLookup:
    """Find a row of a table by its key. Exits: next, not_found."""

    table: str
    key: Expression
    exits: Exits
    #: Variable -> column.
    into: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """Ask another system by HTTP or FHIR. Exits: next, not_found, timeout, failed."""

    #: The name of the system, whose address and secret an administrator keeps.
    endpoint: str
    exits: Exits
    seconds: float
    method: Literal["http", "fhir"] = "http"
    #: Below the endpoint's address; for FHIR the type of resource.
    path: str = ""
    query: Mapping[str, Any] = field(default_factory=dict)
    #: How `query` travels: in the body of a POST, or in the address of a GET, where logs keep it. FHIR: in the body.
    send: Literal["body", "address"] = "body"
    #: Variable -> path in the answer, for example `entry.0.resource.id`.
    into: Mapping[str, str] = field(default_factory=dict)
    #: Heard while the other system thinks.
    prompts: tuple[Spoken, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubFlow:
    """Walk another flow and come back. Exits: the names its `end` nodes return."""

    flow: Ref
    exits: Exits
    #: `live`, or the number of a version.
    version: str = "live"
    #: Its variable -> our value.
    inputs: Mapping[str, Any] = field(default_factory=dict)
    #: Our variable -> its variable.
    outputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Branch by opening hours at this moment: the line's, or a calendar's. Exits: open, closed, closure."""

    exits: Exits
    calendar: Ref | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """Branch by the emergency-closure switch. Exits: on, off."""

    exits: Exits


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """Ask whether the call may be recorded. Exits: accepted, refused, no_input."""

    prompts: tuple[Spoken, ...]
    exits: Exits
    accept: str = "1"
    refuse: str = "2"
    tries: int = 2
    seconds: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One thing a caller types to be verified. Kept in memory only, never in an event."""

    #: date_of_birth, member_id, record_number, phone, postal_code
    name: str
    prompts: tuple[Spoken, ...]
    type: Typed = "digits"
    least: int = 1
    most: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify:
    """Verify the caller by keys. Never tells whether a patient exists. Exits: verified, failed, no_input, timeout."""

    factors: tuple[Factor, ...]
    exits: Exits
    seconds: float = 5.0
    tries: int = 3
    wait: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterQueue:
    """Wait for an agent. Exits, all of them optional: leave (the caller presses 1 while waiting), callback (asks to be
    called back), overflow (the queue's rules turn the caller away)."""

    #: A queue; or a person, whose own queue it is, and after that the line's.
    queue: Ref
    exits: Exits = field(default_factory=dict)
    reason: str | None = None
    priority: int = 0
    #: What the agent must be able to do besides what the queue asks: a skill expression, or the flow's that gives one.
    requirement: str | Expression = ""
    #: Somebody to be waited for first, and for how many seconds.
    person: Ref | None = None
    person_seconds: float = PERSON_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackOffer:
    """Offer to call back without losing the place. Exits: accepted, declined, failed."""

    queue: Ref
    exits: Exits
    #: Who is rung first; `queue`: as the queue's own rules say.
    mode: Literal["queue", "agent-first", "caller-first"] = "queue"
    prompts: tuple[Spoken, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Voicemail:
    """Take a spoken message for a department; None: the line's own. No exits."""

    department: Ref | None = None
    prompts: tuple[Spoken, ...] = (Prompt("voicemail.instructions"),)
    exits: Exits = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Ring an outside number; who is answered has left the flow. Exits: busy, no_answer, failed."""

    #: A number, or the expression that gives one.
    number: Any
    exits: Exits
    seconds: float = 30.0
    prompts: tuple[Spoken, ...] = (Prompt("transfer.please-wait"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceAgent:
    """Hand the caller to a program that talks, over a media socket. Exits: next, person, timeout, failed; if it
    hangs up: hangup, where there is one."""

    endpoint: str
    exits: Exits
    #: The longest it may talk.
    seconds: float
    #: What it is told: name -> value.
    tells: Mapping[str, Any] = field(default_factory=dict)
    #: Variable -> name of a value it brings back.
    into: Mapping[str, str] = field(default_factory=dict)
    prompts: tuple[Spoken, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Say goodbye and hang up; in a sub-flow with `returns`: go back by that exit."""

    prompts: tuple[Spoken, ...] = (Prompt("goodbye"),)
    outcome: str = "closed"
    returns: str | None = None
    exits: Exits = field(default_factory=dict)


Node = (
    Say
    | Menu
    | Collect
    | Branch
    | SetValues
    | TableLookup
    | Lookup
    | SubFlow
    | Hours
    | Closure
    | Consent
    | Verify
    | EnterQueue
    | CallbackOffer
    | Voicemail
    | Transfer
    | VoiceAgent
    | End
)


def ways(node: Node) -> list[tuple[str, str]]:
    """Every way out of a node in order: its name (`next`, `no_input`, `key 1`, `case 2`) and the node it leads to."""
    found: list[tuple[str, str]] = []
    if isinstance(node, Menu):
        found = [(f"key {digit}", option.next) for digit, option in node.options.items()]
    elif isinstance(node, Branch):
        found = [(f"case {number}", case.next) for number, case in enumerate(node.cases, 1)]
    return found + list(node.exits.items())
