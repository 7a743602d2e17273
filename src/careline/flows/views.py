"""What pages, API and command line see of flows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from careline.flows.diff import Change
from careline.flows.model import Problem
from careline.flows.trials import Trial
from careline.kernel.errors import Conflict, InvalidInput


class StaleDraft(Conflict):
    """Somebody else has changed this meanwhile. Nothing was saved; look at the newer state and decide."""

    id = "stale-draft"


class NotPublishable(InvalidInput):
    """This flow has problems or failing tests; nothing was published."""

    id = "flow-not-publishable"
    status = 409


class FlowNameTaken(Conflict):
    """Another flow has this name. Nothing was changed."""

    id = "flow-name-taken"


class FlowInUse(Conflict):
    """Lines or other flows still use this flow. Nothing was changed."""

    id = "flow-in-use"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareView:
    """A version and how many of a hundred calls get it."""

    number: int
    share: int
    version_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedId:
    """A line, flow or queue by name."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowView:
    """A flow in the list."""

    id: UUID
    name: str
    archived: bool
    #: What calls get; empty for a flow that was never published.
    live: list[ShareView]
    released_at: datetime | None
    #: The number and state of the draft, if there is one.
    draft: int | None
    draft_state: str | None
    changed_at: datetime | None
    changed_by: str | None
    lines: list[NamedId]


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftView:
    """What is being written, or what it would begin from."""

    flow_id: UUID
    name: str
    number: int | None
    #: draft, validated; published when nobody has changed anything since.
    state: str
    #: To be sent back when saving; 0 when there is no draft yet.
    revision: int
    text: str
    #: The same as data; None while the text cannot be read.
    body: dict[str, Any] | None
    problems: list[Problem]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """One version of a flow."""

    id: UUID
    number: int
    state: str
    note: str
    author: str | None
    changed_at: datetime
    published_at: datetime | None
    published_by: str | None
    #: How many of a hundred calls get it now.
    share: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseView:
    """What calls got from a moment on."""

    number: int
    shares: list[ShareView]
    valid_from: datetime
    made_by: str | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffView:
    """What changed between two versions."""

    changes: list[Change]
    #: The texts as a unified diff.
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UseView:
    """Who uses a flow."""

    lines: list[NamedId]
    flows: list[NamedId]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamesView:
    """What a flow may name, for lists to choose from."""

    queues: list[NamedId] = field(default_factory=list)
    departments: list[NamedId] = field(default_factory=list)
    calendars: list[NamedId] = field(default_factory=list)
    flows: list[NamedId] = field(default_factory=list)
    #: Table -> columns.
    tables: dict[str, list[str]] = field(default_factory=dict)
    endpoints: list[str] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    #: Agents, for calls to one person; skills that somebody has; uploaded recordings by name.
    people: list[NamedId] = field(default_factory=list)
    skills: list[str] = field(default_factory=list)
    recordings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """A text judged: its problems, and its tests when they were run."""

    problems: list[Problem]
    tests: list[Trial] = field(default_factory=list)
