"""What a floor is configured to do, as plain data: kept with its events, so that a day can be replayed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from careline.calls.roster import LIVE
from careline.queues.model import Agent, Queue

#: Not configuration: what an agent does just now.
_MOMENTARY = frozenset(LIVE) | {"load"}


@dataclass(slots=True)
class Configuration:
    """Queues, people and measured handling seconds, each by id, as JSON values."""

    queues: dict[str, Any] = field(default_factory=dict)
    people: dict[str, Any] = field(default_factory=dict)
    handling: dict[str, float] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """The whole of it."""
        return {"queues": dict(self.queues), "people": dict(self.people), "handling": dict(self.handling)}

    def changes(self, after: Configuration) -> dict[str, Any]:
        """What leads from here to another: new and changed entries, and None for those that are gone."""
        found: dict[str, Any] = {}
        for part, now in after.body().items():
            before = getattr(self, part)
            differing = {k: v for k, v in now.items() if k not in before or before[k] != v}
            differing |= {k: None for k in before if k not in now}
            if differing:
                found[part] = differing
        return found

    def take(self, changes: Mapping[str, Any]) -> None:
        """Make changes one's own."""
        for part in ("queues", "people", "handling"):
            mine = getattr(self, part)
            for key, value in changes.get(part, {}).items():
                if value is None:
                    mine.pop(key, None)
                else:
                    mine[key] = value

    def read_queues(self) -> dict[UUID, Queue]:
        """The queues again."""
        return {UUID(key): msgspec.convert(value, Queue) for key, value in self.queues.items()}

    def read_person(self, person_id: str) -> Agent:
        """A person again, without live state. Raises `KeyError`."""
        agent: Agent = msgspec.convert(self.people[person_id], Agent)
        return agent

    def read_handling(self) -> dict[UUID, float]:
        """Handling seconds again."""
        return {UUID(key): float(value) for key, value in self.handling.items()}


def of(queues: Iterable[Queue], people: Iterable[Agent], handling: Mapping[UUID, float]) -> Configuration:
    """The configuration as data."""
    return Configuration(
        queues={str(q.id): _plain(q) for q in queues},
        people={str(p.id): {k: v for k, v in _plain(p).items() if k not in _MOMENTARY} for p in people},
        handling={str(q): seconds for q, seconds in handling.items()},
    )


def _plain(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(value, str_keys=True, order="deterministic")
    return found
