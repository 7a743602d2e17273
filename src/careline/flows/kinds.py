"""The flow language as a table: each kind of node with its fields and exits. Reader, JSON schema, editor forms and docs
are all made from it. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from careline.flows import nodes


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a node, and what it may hold."""

    name: str
    #: prompts, text, variable, condition, value, values, into, number, integer, boolean, choice, key, options, cases,
    #: factors, or a reference: queue, person, department, calendar, table, flow.
    type: str
    doc: str
    needed: bool = False
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    #: What holds when the field is left out, for forms.
    default: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of node."""

    name: str
    doc: str
    node: type[Any]
    fields: tuple[Field, ...] = ()
    #: Ways out that must be there; those that may; None: the sub-flow's own.
    exits: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    free: bool = False
    #: Whether a caller is heard or served here, so that a circle through it is no endless speech.
    waits: bool = False


def _prompts(doc: str, *, needed: bool = True) -> Field:
    return Field(name="prompts", type="prompts", doc=doc, needed=needed)


def _seconds(
    doc: str, default: float | None, *, needed: bool = False, name: str = "seconds", most: float = 60
) -> Field:
    return Field(name=name, type="number", doc=doc, needed=needed, least=1, most=most, default=default)


def _tries(default: int) -> Field:
    doc = "How often the caller is asked before the node gives up."
    return Field(name="tries", type="integer", doc=doc, least=1, most=10, default=default)


_REASON = Field(name="reason", type="text", doc="What the caller wants, as a short code for the agent and the reports.")
_TYPED = ("digits", "number", "date", "phone", "money")
_INTO = Field(name="into", type="into", doc="Which variables are filled, and with what.")
_ENDPOINT = Field(name="endpoint", type="text", needed=True, doc="The name of the other system.")

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            name="say",
            doc="Speak, then go on.",
            node=nodes.Say,
            fields=(
                _prompts("What is spoken."),
                Field(name="interruptible", type="boolean", doc="Whether a key ends the words early.", default=False),
            ),
            exits=("next",),
        ),
        Kind(
            name="menu",
            doc="Let the caller choose by a key or a few words.",
            node=nodes.Menu,
            fields=(
                _prompts("The choices, as they are spoken."),
                Field(name="options", type="options", needed=True, doc="What each key leads to."),
                _tries(3),
                _seconds("How long a choice is waited for.", 5),
            ),
            exits=("no_input", "no_match"),
            waits=True,
        ),
        Kind(
            name="collect",
            doc="Let the caller type digits.",
            node=nodes.Collect,
            fields=(
                _prompts("What the caller is asked for."),
                Field(name="variable", type="variable", needed=True, doc="The variable that takes the digits."),
                Field(name="type", type="choice", choices=_TYPED, default="digits", doc="How the digits are read."),
                Field(name="least", type="integer", needed=True, least=1, most=40, doc="The fewest digits."),
                Field(name="most", type="integer", needed=True, least=1, most=40, doc="The most digits."),
                Field(name="terminator", type="key", default="#", doc="The key that ends the digits early."),
                _seconds("How long the first digit is waited for.", 5),
                _seconds("How long each further digit is waited for.", 3, name="between"),
                _tries(3),
            ),
            exits=("next", "no_input", "no_match"),
            waits=True,
        ),
        Kind(
            name="branch",
            doc="Go on by the first condition that holds.",
            node=nodes.Branch,
            fields=(Field(name="cases", type="cases", needed=True, doc="Conditions and where each leads."),),
            exits=("otherwise",),
        ),
        Kind(
            name="set",
            doc="Give variables values.",
            node=nodes.SetValues,
            fields=(Field(name="values", type="values", needed=True, doc="Each variable and its new value."),),
            exits=("next",),
        ),
        Kind(
            name="table",
            doc="Find a row of a table that the practice keeps.",
            node=nodes.TableLookup,
            fields=(
                Field(name="table", type="table", needed=True, doc="The table."),
                Field(name="key", type="condition", needed=True, doc="What is looked for in the first column."),
                Field(name="into", type="into", doc="Variables, each with the column that fills it."),
            ),
            exits=("next", "not_found"),
        ),
        Kind(
            name="lookup",
            doc="Ask another system by HTTP or FHIR.",
            node=nodes.Lookup,
            fields=(
                _ENDPOINT,
                Field(name="method", type="choice", choices=("http", "fhir"), default="http", doc="How it is asked."),
                Field(name="path", type="text", doc="Below the system's address; {variable} puts a value in."),
                Field(name="query", type="values", doc="What is asked for, by name."),
                Field(
                    name="send",
                    type="choice",
                    choices=("body", "address"),
                    default="body",
                    doc="How it travels. In an address it stays in logs: nothing that tells who calls may go there.",
                ),
                _INTO,
                _seconds("How long the answer is waited for.", None, needed=True, most=30),
                _prompts("Heard meanwhile.", needed=False),
            ),
            exits=("next", "not_found", "timeout", "failed"),
        ),
        Kind(
            name="subflow",
            doc="Walk another flow and come back.",
            node=nodes.SubFlow,
            fields=(
                Field(name="flow", type="flow", needed=True, doc="The flow."),
                Field(name="version", type="text", default="live", doc="`live`, or the number of a version."),
                Field(name="inputs", type="values", doc="Its variables and the values they begin with."),
                Field(name="outputs", type="into", doc="Our variables, each with its variable that fills it."),
            ),
            free=True,
        ),
        Kind(
            name="hours",
            doc="Go on by opening hours.",
            node=nodes.Hours,
            fields=(Field(name="calendar", type="calendar", doc="Other hours than the line's own."),),
            exits=("open", "closed", "closure"),
        ),
        Kind(
            name="closure",
            doc="Go on by the emergency-closure switch.",
            node=nodes.Closure,
            exits=("on", "off"),
        ),
        Kind(
            name="consent",
            doc="Ask whether the call may be recorded.",
            node=nodes.Consent,
            fields=(
                _prompts("The question, with the keys."),
                Field(name="accept", type="key", default="1", doc="The key that says yes."),
                Field(name="refuse", type="key", default="2", doc="The key that says no."),
                _tries(2),
                _seconds("How long a key is waited for.", 5),
            ),
            exits=("accepted", "refused", "no_input"),
            waits=True,
        ),
        Kind(
            name="verify",
            doc="Verify who calls, by keys.",
            node=nodes.Verify,
            fields=(
                Field(name="factors", type="factors", needed=True, doc="What the caller types, one after the other."),
                _seconds("How long the first digit is waited for.", 5),
                _seconds("How long the check may take.", 5, name="wait", most=30),
                _tries(3),
            ),
            exits=("verified", "failed", "no_input", "timeout"),
            waits=True,
        ),
        Kind(
            name="queue",
            doc="Wait for somebody.",
            node=nodes.EnterQueue,
            fields=(
                Field(name="queue", type="queue", needed=True, doc="The queue."),
                _REASON,
                Field(name="priority", type="integer", least=-100, most=100, default=0, doc="Above others, or below."),
                Field(
                    name="requirement",
                    type="value",
                    doc="Skills the agent must have for these callers, such as: billing >= 50 and not trainee.",
                ),
                Field(name="person", type="person", doc="Somebody the caller waits for first, before the queue."),
                _seconds(
                    "How long that person alone is waited for.", nodes.PERSON_SECONDS, name="person_seconds", most=3600
                ),
            ),
            optional=("leave", "callback", "overflow"),
            waits=True,
        ),
        Kind(
            name="callback",
            doc="Offer to call back; the caller's place is kept.",
            node=nodes.CallbackOffer,
            fields=(
                Field(name="queue", type="queue", needed=True, doc="The queue whose agents call back."),
                Field(
                    name="mode",
                    type="choice",
                    choices=("queue", "agent-first", "caller-first"),
                    default="queue",
                    doc="Who is rung first; queue: as the queue's own rules say.",
                ),
                _REASON,
                _prompts("Said before the offer.", needed=False),
            ),
            exits=("accepted", "declined", "failed"),
            waits=True,
        ),
        Kind(
            name="voicemail",
            doc="Take a spoken message.",
            node=nodes.Voicemail,
            fields=(
                Field(name="department", type="department", doc="Whose inbox; left out: the line's own."),
                _prompts("What is said before the tone.", needed=False),
            ),
            waits=True,
        ),
        Kind(
            name="transfer",
            doc="Ring an outside number.",
            node=nodes.Transfer,
            fields=(
                Field(name="number", type="value", needed=True, doc="The number, or `= variable`."),
                _seconds("How long it rings.", 30, most=120),
                _prompts("Said before it rings.", needed=False),
            ),
            exits=("busy", "no_answer", "failed"),
            waits=True,
        ),
        Kind(
            name="agent",
            doc="Hand the caller to a program that talks.",
            node=nodes.VoiceAgent,
            fields=(
                _ENDPOINT,
                _seconds("The longest it may talk.", None, needed=True, most=1800),
                Field(name="tells", type="values", doc="What it is told."),
                _INTO,
                _prompts("Said before.", needed=False),
            ),
            exits=("next", "person", "timeout", "failed"),
            optional=("hangup",),
            waits=True,
        ),
        Kind(
            name="end",
            doc="Say goodbye and hang up, or come back from a sub-flow.",
            node=nodes.End,
            fields=(
                _prompts("The last words.", needed=False),
                Field(name="outcome", type="text", default="closed", doc="How the call is counted."),
                Field(name="returns", type="text", doc="In a sub-flow: the exit to come back by."),
            ),
        ),
    )
}

#: The name of each node class's kind.
KIND_OF: Mapping[type[Any], Kind] = {kind.node: kind for kind in KINDS.values()}

#: The types of variables.
VARIABLE_TYPES = ("text", "digits", "number", "date", "time", "money", "phone", "name", "boolean", "list", "minutes")

#: What can be verified by keys.
FACTORS = ("date_of_birth", "member_id", "record_number", "phone", "postal_code")
