"""A day at the call center on a virtual clock, decided by the very router that decides the live floor. Pure.

Calls come at random (Poisson, by weights of the hours), take their time, lose patience, try again, or take a callback
that keeps the place. Everything is drawn from one stated seed: the same seed gives the same day.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from uuid import UUID

from careline.queues.model import Agent, AgentStatus, Queue, Waiting
from careline.queues.router import Router

#: 08:00 to 18:00, the share of the day's calls in each hour (metrics.md §7: an assumption shaped by known peaks).
OFFICE_DAY = (0.13, 0.13, 0.12, 0.10, 0.07, 0.07, 0.10, 0.10, 0.10, 0.08)
_MORNING = datetime(2026, 11, 23, 8, tzinfo=UTC)
QUEUE = UUID(int=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """How long calls take, wrap-up included."""

    mean: float
    #: Standard deviation over mean; 1 with `exponential` is Erlang's assumption.
    spread: float = 0.6
    exponential: bool = False

    def draw(self, lots: random.Random) -> float:
        """Seconds of one call."""
        if self.exponential:
            return lots.expovariate(1 / self.mean)
        width = math.log(1 + self.spread**2)
        return lots.lognormvariate(math.log(self.mean) - width / 2, math.sqrt(width))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A day to be simulated."""

    queues: Sequence[Queue]
    agents: Sequence[Agent]
    #: Calls expected on the whole day, spread over the hours by weight, over queues by `shares`.
    calls: float
    hours: Sequence[float] = OFFICE_DAY
    hour_seconds: float = 3600.0
    shares: Sequence[float] = (1.0,)
    handling: Handling = Handling(mean=240.0)
    #: Mean seconds until a waiting caller hangs up; None: never. The share that hangs up at once when it must wait.
    patience: float | None = 180.0
    immediate: float = 0.0
    #: The share of callers gone in vain that try again, and within how many seconds.
    retries: float = 0.0
    retry_seconds: float = 900.0
    #: The share that takes a callback when the expected wait is longer; a caller is reached at the first attempt.
    callbacks: float = 0.0
    callback_above: float = 120.0
    target_seconds: float = 20.0
    #: Seconds from the beginning that fill the house and are not counted.
    warm_up: float = 0.0
    seed: int = 1


@dataclass(slots=True)
class Tally:
    """What was counted."""

    offered: int = 0
    answered: int = 0
    in_target: int = 0
    abandoned: int = 0
    abandoned_in_target: int = 0
    waited: int = 0
    #: Reached by a callback at their turn; gone in vain and calling again (offered once more); never answered.
    called_back: int = 0
    retried: int = 0
    left: int = 0
    #: Seconds waited on the telephone: of everybody but those called back, and of the answered.
    wait: float = 0.0
    wait_answered: float = 0.0
    longest: float = 0.0
    handling: float = 0.0
    #: Seconds of agents: on calls, and at all.
    busy: float = 0.0
    staffed: float = 0.0

    @property
    def service_level(self) -> float:
        """Answered in the target time, of all offered (negative abandon)."""
        return self.in_target / self.offered if self.offered else 1.0

    @property
    def service_level_of_answered(self) -> float:
        """Answered in the target time, of the answered."""
        return self.in_target / self.answered if self.answered else 1.0

    @property
    def abandoning(self) -> float:
        """The share that hung up."""
        return self.abandoned / self.offered if self.offered else 0.0

    @property
    def waiting(self) -> float:
        """The share that waited at all."""
        return self.waited / self.offered if self.offered else 0.0

    @property
    def mean_wait(self) -> float:
        """Seconds, of all callers."""
        return self.wait / self.offered if self.offered else 0.0

    @property
    def speed_of_answer(self) -> float:
        """ASA: seconds, of the answered."""
        return self.wait_answered / self.answered if self.answered else 0.0

    @property
    def occupancy(self) -> float:
        """Time on calls, of all time staffed."""
        return self.busy / self.staffed if self.staffed else 0.0


def office(
    agents: int, *, languages: Sequence[str] = ("en",), queue: Queue | None = None
) -> tuple[list[Queue], list[Agent]]:
    """One queue and the agents who serve it."""
    people = [
        Agent(
            id=UUID(int=1000 + n),
            tenant_id=1,
            name=f"agent {n}",
            languages=frozenset(languages),
            status=AgentStatus.AVAILABLE,
            since=_MORNING,
            idle_since=_MORNING,
            endpoint=f"s-{n}",
            phone_online=True,
        )
        for n in range(agents)
    ]
    members = frozenset(p.id for p in people)
    return [queue or Queue(id=QUEUE, tenant_id=1, name="all calls", members=members)], people


@dataclass(slots=True)
class _Caller:
    """A call that waits."""

    number: int
    came: float
    counted: bool
    #: Whether the caller hung up and will be called back at the turn.
    back: bool = False


@dataclass(slots=True)
class _Day:
    """The simulation's state."""

    scenario: Scenario
    lots: random.Random
    router: Router = field(default_factory=Router)
    tally: Tally = field(default_factory=Tally)
    callers: dict[int, _Caller] = field(default_factory=dict)
    #: (second, serial, what, number)
    agenda: list[tuple[float, int, int, int]] = field(default_factory=list)
    agents: dict[int, Agent] = field(default_factory=dict)
    serial: int = 0
    #: Whether rules change with time alone, and when they next do.
    timed: bool = False
    wake: datetime | None = None

    def later(self, second: float, what: int, number: int) -> None:
        """Note that something will happen."""
        self.serial += 1
        heappush(self.agenda, (second, self.serial, what, number))


_GIVES_UP, _ENDS, _TRIES_AGAIN, _WAKES = range(4)


def simulate(scenario: Scenario) -> Tally:
    """Let the day pass. Agents work until every call of the day is over."""
    day = _Day(scenario, random.Random(scenario.seed))
    day.timed = any(q.rules.rings or q.rules.reserve or q.rules.max_wait for q in scenario.queues)
    day.router.configure({q.id: q for q in scenario.queues})
    day.router.handling = {q.id: scenario.handling.mean for q in scenario.queues}
    for agent in scenario.agents:
        day.agents[agent.id.int] = agent
        day.router.put_agent(agent)
    end = len(scenario.hours) * scenario.hour_seconds
    arrivals = _arrivals(scenario, day.lots)
    coming = next(arrivals, math.inf)
    while coming < math.inf or day.agenda:
        if not day.agenda or coming <= day.agenda[0][0]:
            _comes(day, coming)
            coming = next(arrivals, math.inf)
        else:
            second, _, what, number = heappop(day.agenda)
            _happens(day, second, what, number)
    day.tally.staffed = len(scenario.agents) * (end - scenario.warm_up)
    day.tally.left = sum(1 for caller in day.callers.values() if caller.counted)
    return day.tally


def _arrivals(scenario: Scenario, lots: random.Random) -> Iterator[float]:
    whole = sum(scenario.hours)
    for hour, weight in enumerate(scenario.hours):
        rate = scenario.calls * weight / whole / scenario.hour_seconds
        begin = hour * scenario.hour_seconds
        second = begin
        while rate > 0 and (second := second + lots.expovariate(rate)) < begin + scenario.hour_seconds:
            yield second


def _clock(second: float) -> datetime:
    return _MORNING + timedelta(seconds=second)


def _comes(day: _Day, second: float) -> None:
    scenario, lots, tally = day.scenario, day.lots, day.tally
    day.serial += 1
    number = day.serial
    queues = scenario.queues
    queue = queues[0] if len(queues) == 1 else lots.choices(queues, scenario.shares)[0]
    counted = second >= scenario.warm_up
    caller = _Caller(number, second, counted)
    day.callers[number] = caller
    now = _clock(second)
    day.router.put_call(
        Waiting(call_id=UUID(int=number << 8), queue_id=queue.id, language="en", place_at=now, queued_at=now)
    )
    if counted:
        tally.offered += 1
    _decide(day, second, now)
    if number not in day.callers:
        return
    if counted:
        tally.waited += 1
    if scenario.callbacks and lots.random() < scenario.callbacks:
        wait = day.router.estimate(UUID(int=number << 8), now)
        if wait is not None and wait > scenario.callback_above:
            caller.back = True
            return
    if scenario.immediate and lots.random() < scenario.immediate:
        _gives_up(day, second, caller)
    elif scenario.patience is not None:
        day.later(second + lots.expovariate(1 / scenario.patience), _GIVES_UP, number)


def _happens(day: _Day, second: float, what: int, number: int) -> None:
    if what == _ENDS:
        agent = day.agents[number]
        now = _clock(second)
        # A frozen agent copied a million times an hour would be most of the work: this one belongs to us alone.
        object.__setattr__(agent, "idle_since", now)
        day.router.put_agent(agent)
        if day.callers:
            _decide(day, second, now)
    elif what == _GIVES_UP:
        if (caller := day.callers.get(number)) and not caller.back:
            _gives_up(day, second, caller)
    elif what == _TRIES_AGAIN:
        _comes(day, second)
    elif day.callers:
        _decide(day, second, _clock(second))


def _gives_up(day: _Day, second: float, caller: _Caller) -> None:
    scenario, tally = day.scenario, day.tally
    del day.callers[caller.number]
    day.router.drop_call(UUID(int=caller.number << 8))
    waited = second - caller.came
    if caller.counted:
        tally.abandoned += 1
        tally.abandoned_in_target += waited <= scenario.target_seconds
        tally.wait += waited
        tally.longest = max(tally.longest, waited)
    if scenario.retries and day.lots.random() < scenario.retries:
        tally.retried += 1
        day.later(second + day.lots.uniform(0, scenario.retry_seconds), _TRIES_AGAIN, 0)


def _decide(day: _Day, second: float, now: datetime) -> None:
    scenario, tally = day.scenario, day.tally
    put_back = False
    for match in day.router.match(now):
        for other in match.agents[1:]:  # several telephones rang: the first has it
            day.router.put_agent(day.agents[other.int])
            put_back = True
        caller = day.callers.pop(match.call_id.int >> 8)
        seconds = scenario.handling.draw(day.lots)
        day.later(second + seconds, _ENDS, match.agents[0].int)
        end = len(scenario.hours) * scenario.hour_seconds
        tally.busy += max(0.0, min(second + seconds, end) - max(second, scenario.warm_up))
        if not caller.counted:
            continue
        tally.handling += seconds
        if caller.back:
            tally.called_back += 1
            continue
        waited = second - caller.came
        tally.answered += 1
        tally.in_target += waited <= scenario.target_seconds
        tally.wait += waited
        tally.wait_answered += waited
        tally.longest = max(tally.longest, waited)
    if put_back and day.callers:
        _decide(day, second, now)
    if day.timed and (wake := day.router.next_change(now)) and wake != day.wake:
        day.wake = wake
        day.later((wake - _MORNING).total_seconds(), _WAKES, 0)
