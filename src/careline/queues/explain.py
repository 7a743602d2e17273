"""Why? The reasons of a routing decision as plain data: codes and figures, never words about a caller. Pure.

    {"queue", "strategy", "step", "requirement", "turn": {...}, "position", "chosen": [...],
     "candidates": [{"agent", "order", "against", "merit"?}], "more": {code: how many beyond those listed},
     "passed_over": how many calls before this one nobody suits, "state"?: why nobody is rung}

Candidates come in the strategy's order, those who cannot be asked last. `order` counts from 1 among those who can.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from heapq import nsmallest
from typing import Any, TypeAlias
from uuid import UUID

from careline.queues import ageing, skills
from careline.queues.model import Agent, Waiting
from careline.queues.standing import Standing, against
from careline.queues.strategies import Deal, Strategy, merit

Why: TypeAlias = dict[str, Any]

#: Candidates listed one by one; the rest are counted.
LISTED = 25


class Reasons(Mapping[str, Any]):
    """Reasons that are worked out when they are read first.

    A decision is carried out before its reasons are put into words: the telephone of an agent need not wait until
    everybody else has been weighed. `explain` may use only what cannot change any more.
    """

    __slots__ = ("_explain", "_found")

    def __init__(self, explain: Callable[[], Why]) -> None:
        self._explain: Callable[[], Why] | None = explain
        self._found: Why = {}

    def plain(self) -> Why:
        """The reasons as plain data; what they were worked out from is let go."""
        if self._explain is not None:
            self._found = self._explain()
            self._explain = None
        return self._found

    def __getitem__(self, key: str) -> Any:
        return self.plain()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.plain())

    def __len__(self) -> int:
        return len(self.plain())

    def __eq__(self, other: object) -> bool:
        return self.plain() == (other.plain() if isinstance(other, Reasons) else other)

    __hash__ = None  # type: ignore[assignment]  # equal by what it says, like every mapping


_TURN = {ageing.DANGER: "emergency", ageing.OVERDUE: "maximum-wait", ageing.IN_TURN: "in-turn"}


def ordered(
    agents: Sequence[Agent], where: Standing, call: Waiting, strategy: Strategy, last: UUID | None
) -> list[Agent]:
    """Agents in the order in which they are asked."""
    if where.kept_for is not None:
        return sorted(agents, key=lambda a: where.kept_for.index(a.id) if where.kept_for else 0)
    deal = Deal(queue=where.queue, call=call, requirement=where.reach.requirement, last=last)
    return sorted(agents, key=lambda a: (strategy.key(a, deal), a.id.int))


def explain(
    call: Waiting,
    where: Standing,
    agents: Iterable[Agent],
    strategy: Strategy,
    now: datetime,
    *,
    reserve_on: int,
    last: UUID | None,
    chosen: Sequence[UUID] = (),
    position: int | None = None,
    passed_over: int = 0,
    taken: Collection[UUID] = (),
) -> Why:
    """The reasons for and against everybody who serves the call's queue (or is named for the call)."""
    named = set(where.kept_for or ()) | {p.agent_id for p in call.preferred}
    known = where.queue.members | named if named else where.queue.members
    free: list[Agent] = []
    others: list[tuple[str, Agent]] = []
    for a in agents:
        if a.id in known:
            code = "just-offered" if taken and a.id in taken else against(a, call, where, reserve_on)
            if code is None:
                free.append(a)
            else:
                others.append((code, a))
    asked = ordered(free, where, call, strategy, last)
    room = max(0, LISTED - len(asked))
    beyond = Counter(code for code, _ in others)
    others = nsmallest(room, others, key=lambda pair: pair[1].id.int)
    beyond.subtract(code for code, _ in others)
    beyond["later"] += len(asked[LISTED:])
    listed = [*((None, a) for a in asked[:LISTED]), *others]
    deal = Deal(queue=where.queue, call=call, requirement=where.reach.requirement, last=last)
    keyed = where.kept_for is None
    why: Why = {
        "queue": str(where.queue.id),
        "strategy": strategy.name,
        "step": where.step,
        "requirement": describe(where.reach.requirement),
        "turn": {
            "tier": _TURN[ageing.tier(call, where.queue, now)],
            "formula": where.queue.rules.ageing.formula,
            "score": round(ageing.score(call, where.queue, now), 3),
            "waited": round((now - call.place_at).total_seconds(), 3),
            "weight": where.queue.rules.weight,
        },
        "position": position,
        "chosen": [str(a) for a in chosen],
        "candidates": [
            _candidate(a, None if code else number, code, strategy, deal, keyed)
            for number, (code, a) in enumerate(listed, 1)
        ],
        "more": dict(sorted((code, count) for code, count in beyond.items() if count)),
        "passed_over": passed_over,
    }
    if where.kept_for is not None:
        why["kept_for"] = [str(a) for a in where.kept_for]
    if not chosen:
        why["state"] = _state(where, now, bool(asked))
    return why


def _candidate(
    agent: Agent, order: int | None, code: str | None, strategy: Strategy, deal: Deal, keyed: bool
) -> dict[str, Any]:
    row: dict[str, Any] = {"agent": str(agent.id), "order": order, "against": code}
    if code is None and keyed:
        row["key"] = _plain(strategy.key(agent, deal))
    if deal.requirement != skills.ANYBODY:
        row["merit"] = merit(agent, deal.requirement)
    return row


def _state(where: Standing, now: datetime, somebody: bool) -> str:
    if where.not_before is not None and where.not_before > now:
        return "not-yet"
    return "next" if somebody else "nobody-free"


def _plain(key: Any) -> Any:
    if isinstance(key, datetime):
        return key.isoformat()
    if isinstance(key, tuple | list):
        return [_plain(part) for part in key]
    return key if isinstance(key, int | float | str | bool) or key is None else str(key)


def describe(expression: skills.Expression) -> str:
    """A skill expression as text again."""
    match expression:
        case skills.Named(agent_id):
            return f"agent:{agent_id}"
        case skills.Not(part):
            return f"not {_inside(part)}"
        case skills.All(parts):
            return " and ".join(_inside(p) for p in parts)
        case skills.AnyOf(parts):
            return " or ".join(_inside(p) for p in parts)
        case skills.Has(skill, least, most, with_least, with_most):
            if least == most:
                return f"{skill} = {least:g}"
            if most < 100 and least > 0:
                return f"{skill} in {least:g}..{most:g}"
            if most < 100 or not with_most:
                return f"{skill} {'<=' if with_most else '<'} {most:g}"
            return skill if not least and with_least else f"{skill} {'>=' if with_least else '>'} {least:g}"


def _inside(part: skills.Expression) -> str:
    text = describe(part)
    return f"({text})" if isinstance(part, skills.AnyOf | skills.All) else text
