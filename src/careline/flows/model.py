"""What callers meet, as data: a flow is a set of named nodes (`nodes`). Here are the flow and the place of a caller
in it; `moves` are what can happen and what is to be done, `interpreter` walks it, `reading` reads it, `gate` judges it.
Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from uuid import UUID, uuid5

from careline.flows.nodes import Node, Ref
from careline.kernel.errors import InvalidInput


class FlowError(InvalidInput):
    """The flow is not valid."""

    id = "invalid-flow"


@dataclass(frozen=True, slots=True)
class FlowProblem:
    """One thing that is wrong with a flow, and where."""

    #: The node; None for the flow as a whole.
    node: str | None
    #: The field of the node, for example `prompts.0` or `exits.no_input`.
    field: str
    #: Stable, for programs and translations: `exit-dangling`.
    code: str
    #: One sentence for people.
    text: str
    #: A warning does not hinder publication.
    severity: Literal["error", "warning"] = "error"


#: Its short name in here; the API has a Problem of its own.
Problem = FlowProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable of a flow."""

    #: How it is spoken: text, digits, number, date, time, money, phone, name, boolean, list.
    type: str = "text"
    default: Any = None
    #: Kept in memory only: never in an event, a log or on a screen. Asked again after an outage.
    secret: bool = False
    #: Shown to the agent who takes the call.
    shown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A flow."""

    start: str
    nodes: Mapping[str, Node]
    name: str = ""
    languages: tuple[str, ...] = ()
    variables: Mapping[str, Variable] = field(default_factory=dict)
    #: The sub-flows it walks, by `key_of(flow, version)`; filled in when the flow is made ready for calls.
    library: Mapping[str, Flow] = field(default_factory=dict)


def key_of(flow: Ref, version: str) -> str:
    """The key of a sub-flow in a library."""
    return f"{flow}@{version}"


@dataclass(frozen=True, slots=True)
class FlowPin:
    """Which versions a call began with, and keeps: the flow's own, and those of the sub-flows it names as live."""

    version: UUID
    parts: Mapping[UUID, UUID] = field(default_factory=dict)

    def to_body(self) -> dict[str, Any]:
        """As JSON, for the event of arrival."""
        return {"version": str(self.version), "parts": {str(flow): str(part) for flow, part in self.parts.items()}}

    @classmethod
    def from_body(cls, body: Mapping[str, Any] | None) -> FlowPin | None:
        """From the JSON of an event; None for a call on the standard flow, and for old events."""
        if not body:
            return None
        parts = {UUID(flow): UUID(part) for flow, part in body.get("parts", {}).items()}
        return cls(UUID(body["version"]), parts)


_UNPUBLISHED = UUID("5d1f1f5e-6f0a-4ab4-9d9a-0f4f0d2b6c11")


def id_of(ref: Ref) -> UUID:
    """The id a reference stands for. A name that has not been published yet has a stable id of its own."""
    return ref if isinstance(ref, UUID) else uuid5(_UNPUBLISHED, ref)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where to go on when a sub-flow comes back."""

    node: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    #: Secret variables that have a value -> the node that asked for it.
    hidden: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where a caller is in a flow."""

    node: str
    tries: int = 0
    #: True while prompts of the node are being played.
    speaking: bool = False
    variables: Mapping[str, Any] = field(default_factory=dict)
    hidden: Mapping[str, str] = field(default_factory=dict)
    #: The flows around this sub-flow, outermost first.
    stack: tuple[Frame, ...] = ()
    #: The language chosen in this flow.
    language: str | None = None
    #: Digits typed so far; those of a secret node, and typed factors, stay in memory.
    digits: str = ""
    secret: bool = False
    #: Which factor is being asked, and those typed already.
    item: int = 0
    typed: Mapping[str, str] = field(default_factory=dict)
    #: What the agent must be able to do by what the caller chose: menu (with the sub-flows around it) -> expression.
    needs: Mapping[str, str] = field(default_factory=dict)

    def to_body(self) -> dict[str, Any]:
        """As JSON for an event: without anything secret."""
        body: dict[str, Any] = {"node": self.node, "tries": self.tries, "speaking": self.speaking}
        if self.variables:
            body["variables"] = _open(self.variables, self.hidden)
        if self.hidden:
            body["hidden"] = dict(self.hidden)
        if self.stack:
            body["stack"] = [
                {"node": f.node, "variables": _open(f.variables, f.hidden), "hidden": dict(f.hidden)}
                for f in self.stack
            ]
        if self.language:
            body["chosen"] = self.language
        if self.digits and not self.secret:
            body["digits"] = self.digits
        if self.item and not self.secret:
            body["item"] = self.item
        if self.needs:
            body["needs"] = dict(self.needs)
        return body

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Cursor:
        """From the JSON of an event, also an old one."""
        return cls(
            node=str(body["node"]),
            tries=int(body.get("tries", 0)),
            speaking=bool(body.get("speaking", False)),
            variables=dict(body.get("variables") or {}),
            hidden=dict(body.get("hidden") or {}),
            stack=tuple(
                Frame(node=f["node"], variables=dict(f.get("variables") or {}), hidden=dict(f.get("hidden") or {}))
                for f in body.get("stack") or ()
            ),
            language=body.get("chosen"),
            digits=str(body.get("digits", "")),
            item=int(body.get("item", 0)),
            needs=dict(body.get("needs") or {}),
        )

    def public(self) -> Cursor:
        """The same place without anything secret: what the events tell."""
        return replace(
            self,
            variables=_open(self.variables, self.hidden),
            stack=tuple(replace(f, variables=_open(f.variables, f.hidden)) for f in self.stack),
            digits="" if self.secret else self.digits,
            item=0 if self.secret else self.item,
            secret=False,
            typed={},
        )


def _open(variables: Mapping[str, Any], hidden: Mapping[str, str]) -> dict[str, Any]:
    return {name: value for name, value in variables.items() if name not in hidden}
