"""What a capability gives the live socket: topics, each a snapshot that is taken again when something has happened.

A capability with live pages has a module `live.py` with `topics(services) -> list[Topic]`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID


class Happened(Protocol):
    """An event row, as the live socket looks at it."""

    @property
    def tenant_id(self) -> int: ...
    @property
    def stream(self) -> str: ...
    @property
    def stream_id(self) -> UUID: ...
    @property
    def kind(self) -> str: ...
    @property
    def person_id(self) -> UUID | None: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Topic:
    """One kind of live view: `board`, or with a key `call:<id>`."""

    name: str
    #: Takes the view for an actor (`Actor`) and a key (None without one). Checks permission itself, by raising
    #: `CarelineError`; the view is whatever msgspec can encode as JSON.
    snapshot: Callable[[Any, str | None], Awaitable[Any]]
    #: Streams whose events may change the view.
    streams: frozenset[str]
    #: Narrower: whether this event may change the view of this actor and key. None: every event of the streams does.
    concerns: Callable[[Happened, Any, str | None], bool] | None = None
    #: The view is the same for every actor of a tenant with the same permissions: taken and encoded once for all, and
    #: what concerns it concerns all.
    shared: bool = False
    #: Take it again after so many seconds even if nothing happened (figures that change by time alone).
    every: float | None = None
