"""What a queue can be told about routing: its rules, as data. Pure.

The rules are kept as JSON in `queue.rules`; a field that is not there has the default below, so that old rows and new
code fit together. `from_body` refuses what it does not understand and says where.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

import msgspec

from careline.kernel.errors import InvalidInput

Seconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=864_000)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=100_000)]

#: The class of a caller in danger: before every other class, whatever weights and waits say.
EMERGENCY = "emergency"
#: The class of a caller of whom nothing special is known.
ROUTINE = "routine"


class InvalidRules(InvalidInput):
    """The rules of this queue are not valid."""

    id = "invalid-queue-rules"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """Whom a call may reach once it has waited `after_seconds` in its queue. What is not said stays as before."""

    after_seconds: Seconds
    #: Takes the place of the queue's own skills and requirement.
    requirement: str | None = None
    #: Skills no longer asked for, from here on, wherever they were asked for.
    drop: tuple[str, ...] = ()
    #: Only these people (who must serve the queue).
    agents: frozenset[UUID] | None = None
    #: Only members of at most this rank (0 is the first team).
    max_rank: Count | None = None
    #: Whether the agent must still speak the caller's language.
    language: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ageing:
    """How priority and waiting together say whose turn it is (acd-and-ivr §4)."""

    #: priority: the higher first, then the longer wait · minutes: minutes waited + priority · seconds: seconds waited +
    #: priority · accelerated: minutes × `acceleration` + priority, at most `cap`.
    formula: Literal["priority", "minutes", "seconds", "accelerated"] = "priority"
    acceleration: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 1.0
    cap: float | None = None
    #: The clock starts at the place in the queue, or when the call came in.
    since: Literal["place", "arrival"] = "place"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sticky:
    """Whether a caller is kept for the agent of the last time, and how long."""

    mode: Literal["off", "members", "anyone"] = "off"
    seconds: Seconds = 60.0
    #: How far back "the last time" may lie.
    days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveLevel:
    """When the reserve of one level helps: on above any of the first pair, off only below both of the second."""

    #: The longest wait in the queue, in seconds.
    wait_above: Seconds = 120.0
    wait_below: Seconds = 30.0
    #: Callers waiting; None does not look at the number.
    waiting_above: Count | None = None
    waiting_below: Count = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a call goes that does not stay."""

    kind: Literal["queue", "site", "outside", "voicemail", "callback", "end"] = "voicemail"
    #: A queue's id, a telephone number, or for a site the id of a line there: the call goes to that line's queue while
    #: the line is open, under that queue's rules and that line's hours and longest wait; else the next rule counts.
    to: str = ""
    #: Whether the call keeps the time it has waited.
    keep_place: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Overflow:
    """One rule of overflow: when `measure` is above `above` (for staffing: below it), the call goes to `target`."""

    measure: Literal["waiting", "estimate", "wait", "ratio", "staffing", "closed"]
    above: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    at: Literal["entry", "waiting", "both"] = "both"
    target: Target = Target()


#: What an agent may be doing and yet not count as staffing a queue.
State: TypeAlias = Literal["away", "not_responding", "offered", "talking", "wrap_up", "phone_offline", "reserve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """Whether a call may join a queue that nobody staffs."""

    when_empty: Literal["allow", "refuse"] = "allow"
    #: Signed-on agents in these states do not count.
    not_counted: frozenset[State] = frozenset()
    target: Target = Target()


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Whether calls leave a queue that nobody staffs any more, and after how long without anybody."""

    when_empty: bool = False
    grace_seconds: Seconds = 60.0
    not_counted: frozenset[State] = frozenset()
    target: Target = Target()


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapUp:
    """The time after a call for its notes."""

    #: mandatory: until the agent ends it · optional: available at once, the agent may take it · timeout: until the
    #: agent ends it or the time is over · forced: the whole time, the agent cannot end it · requested: only when asked.
    mode: Literal["mandatory", "optional", "timeout", "forced", "requested"] = "timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """Whether a waiting caller may be called back at the same place."""

    offered: bool = False
    mode: Literal["agent-first", "caller-first"] = "agent-first"
    #: Offered to callers who have waited this long and whose expected wait is longer than `estimate_above`.
    after_seconds: Seconds = 0.0
    estimate_above: Seconds = 0.0
    retries: Annotated[int, msgspec.Meta(ge=0, le=10)] = 2
    retry_seconds: Seconds = 300.0
    #: Offer times later than the caller's turn too.
    schedulable: bool = False
    #: How long the caller's telephone rings: about five rings, before most answering machines.
    ring_seconds: Annotated[int, msgspec.Meta(ge=10, le=60)] = 25
    #: Caller-first: how long a caller who was asked for a key is waited for, once the question was heard.
    answer_seconds: Annotated[int, msgspec.Meta(ge=6, le=120)] = 30
    #: Caller-first: rung when the place is expected to come up within this time, and first in line after
    #: having waited this long on the line.
    lead_seconds: Annotated[int, msgspec.Meta(ge=0, le=900)] = 60
    held_seconds: Annotated[int, msgspec.Meta(ge=30, le=900)] = 120
    #: After this time nobody tries any more: the department gets a message.
    kept_hours: Annotated[int, msgspec.Meta(ge=1, le=168)] = 24
    #: The latest day to which staff may put a callback off.
    latest_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 31
    #: Whether the first sound is listened to for an answering machine, and how long a greeting is a machine's.
    machines: bool = True
    greeting_seconds: Annotated[float, msgspec.Meta(ge=1.5, le=10)] = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """How place and expected wait are told."""

    #: Above this the caller hears "more than …".
    cap_minutes: Annotated[int, msgspec.Meta(ge=1, le=600)] = 30
    only_if_improved: bool = False
    position: bool = True
    wait: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Everything about routing that a queue can be told."""

    strategy: str = "longest-idle"
    #: A skill expression (see `skills`) beside the queue's plain list of skills.
    requirement: str = ""
    rings: tuple[Ring, ...] = ()
    #: Whether a call keeps the rings it entered with when they are changed.
    rings_frozen: bool = False
    ageing: Ageing = Ageing()
    #: Class -> the longest wait in seconds; then the call is first in line.
    max_wait: Mapping[str, Seconds] = field(default_factory=dict)
    #: Queues of a higher weight first; a blocked queue never holds up another.
    weight: Annotated[int, msgspec.Meta(ge=-100, le=100)] = 0
    sticky: Sticky = Sticky()
    #: Level 1, level 2, … of the reserve.
    reserve: tuple[ReserveLevel, ...] = ()
    overflow: tuple[Overflow, ...] = ()
    join: Join = Join()
    leave: Leave = Leave()
    wrap_up: WrapUp = WrapUp()
    #: Missed offers in a row after which an agent is taken out; 0 never.
    misses_allowed: Count = 1
    callback: Callback = Callback()
    announce: Announce = Announce()
    #: Whether an outbound call restarts the agent's idle clock.
    idle_reset_by_outbound: bool = True
    #: Progressive ringing: one more telephone after so long.
    progressive_seconds: Annotated[float, msgspec.Meta(ge=1, le=120)] = 10.0


#: The rules of a queue of which nothing special was said.
DEFAULT = Rules()


def from_body(body: Mapping[str, Any]) -> Rules:
    """Rules from their JSON. Raises `InvalidRules` that names the place and what is wrong with it."""
    _refuse_unknown(dict(body), Rules, "")
    try:
        rules: Rules = msgspec.convert(dict(body), Rules)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        raise InvalidRules(f"{where.strip('`$.') or 'rules'}: {what[0].lower()}{what[1:]}.") from None
    check(rules)
    return rules


def to_body(rules: Rules) -> dict[str, Any]:
    """The JSON of rules: only what differs from the defaults, so that a later default reaches old queues."""
    return {f.name: _plain(v) for f in fields(rules) if (v := getattr(rules, f.name)) != _default(f)}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {f.name: _plain(v) for f in fields(value) if (v := getattr(value, f.name)) != _default(f)}
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, frozenset):
        return sorted(str(part) for part in value)
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, UUID) else value


def _default(one: Field[Any]) -> Any:
    return one.default if one.default_factory is MISSING else one.default_factory()


def check(rules: Rules) -> None:
    """Refuse rules that contradict themselves or name a strategy or skill expression that there is not."""
    from careline.queues import skills, strategies  # here: both read rules

    if strategies.find(rules.strategy) is None:
        raise InvalidRules(f"strategy: there is no strategy {rules.strategy!r}.")
    for where, text in [("requirement", rules.requirement)] + [
        (f"rings[{n}].requirement", ring.requirement or "") for n, ring in enumerate(rules.rings)
    ]:
        try:
            skills.parse(text)
        except skills.BadExpression as error:
            raise InvalidRules(f"{where}: {error.detail}") from None
    times = [ring.after_seconds for ring in rules.rings]
    if times != sorted(set(times)):
        raise InvalidRules("rings: each ring opens later than the one before it.")
    for n, level in enumerate(rules.reserve):
        if level.wait_below > level.wait_above:
            raise InvalidRules(f"reserve[{n}]: it must stop below the wait at which it starts.")
        if level.waiting_above is not None and level.waiting_below > level.waiting_above:
            raise InvalidRules(f"reserve[{n}]: it must stop below the number at which it starts.")


def queues_named(rules: Rules) -> frozenset[UUID]:
    """The queues that rules send calls to. Raises `InvalidRules` when a target is no queue's id."""
    targets = [rule.target for rule in rules.overflow] + [rules.join.target, rules.leave.target]
    try:
        return frozenset(UUID(target.to) for target in targets if target.kind == "queue")
    except ValueError:
        raise InvalidRules("target: choose the queue to which the calls go.") from None


def _refuse_unknown(body: Any, kind: Any, where: str) -> None:
    known = {f.name: _NESTED.get((kind, f.name)) for f in fields(kind)}
    for name, value in body.items():
        if name not in known:
            raise InvalidRules(f"{where}{name}: there is no such rule.")
        nested = known[name]
        if nested is None:
            continue
        for n, part in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(part, dict):
                _refuse_unknown(part, nested, f"{where}{name}{f'[{n}]' if isinstance(value, list) else ''}.")


def _nested() -> dict[tuple[type, str], type]:
    found: dict[tuple[type, str], type] = {
        (Rules, "rings"): Ring,
        (Rules, "reserve"): ReserveLevel,
        (Rules, "overflow"): Overflow,
    }
    for kind in (Rules, Overflow, Join, Leave):
        for f in fields(kind):
            if is_dataclass(f.default):
                found[kind, f.name] = type(f.default)
    return found


_NESTED = _nested()
