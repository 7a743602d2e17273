"""How many people a call center needs: the Erlang formulas. Pure.

A. K. Erlang's B and C (calls that are blocked, calls that wait for ever) and C. Palm's A (callers lose patience, the
exact birth-death solution of M/M/n+M). Times are seconds, load is in erlangs: calls a second × seconds a call.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What callers and agents meet in the long run."""

    agents: int
    #: Calls that wait at all; calls that hang up waiting (0 where callers have infinite patience). 0..1
    waiting: float
    abandoning: float
    #: Mean wait of all callers, in seconds; infinite where more calls come than can be answered.
    wait: float
    #: Of all callers, connected within the target time. 0..1
    service_level: float | None
    #: Time agents spend on calls. 0..1
    occupancy: float


def load(calls: float, per_seconds: float, handle_seconds: float) -> float:
    """Erlangs of `calls` calls every `per_seconds`, each taking `handle_seconds`."""
    return calls / per_seconds * handle_seconds


def erlang_b(erlangs: float, lines: int) -> float:
    """The probability that all lines are busy and a call is lost: B(k) = A·B(k-1) / (k + A·B(k-1))."""
    blocked = 1.0
    for k in range(1, lines + 1):
        blocked = erlangs * blocked / (k + erlangs * blocked)
    return blocked


def erlang_c(erlangs: float, agents: int) -> float:
    """The probability that a call waits, when none hangs up; 1 when more comes than can be answered."""
    if agents <= erlangs:
        return 1.0
    blocked = erlang_b(erlangs, agents)
    return blocked / (1 - erlangs / agents * (1 - blocked))


def patient(erlangs: float, agents: int, handle_seconds: float, target_seconds: float = 20.0) -> Outlook:
    """Erlang C: callers who never hang up."""
    waiting = erlang_c(erlangs, agents)
    free = agents - erlangs
    if free <= 0:
        return Outlook(agents=agents, waiting=1.0, abandoning=0.0, wait=math.inf, service_level=0.0, occupancy=1.0)
    return Outlook(
        agents=agents,
        waiting=waiting,
        abandoning=0.0,
        wait=waiting * handle_seconds / free,
        service_level=1 - waiting * math.exp(-free * target_seconds / handle_seconds),
        occupancy=erlangs / agents,
    )


def agents_needed(erlangs: float, handle_seconds: float, service_level: float, target_seconds: float) -> int:
    """The fewest agents with whom a share of calls is answered in time, when nobody hangs up (Erlang C).

    Raises `ValueError` for a share outside 0..1: nobody answers everything at once.
    """
    if not 0 <= service_level < 1:
        raise ValueError("the service level is from 0 to below 1")
    agents = max(1, math.floor(erlangs) + 1)
    while (patient(erlangs, agents, handle_seconds, target_seconds).service_level or 0.0) < service_level:
        agents += 1
    return agents


def impatient(arrivals: float, handle_seconds: float, agents: int, patience_seconds: float) -> Outlook:
    """Erlang A: `arrivals` calls a second, exponential patience of a mean; the exact stationary solution.

    The service level has no closed form here: simulate it.
    """
    served, leaves = 1 / handle_seconds, 1 / patience_seconds
    #: Weights of "n calls in the house", relative to the heaviest so far, so that nothing overflows.
    weights = [1.0]
    n, heaviest = 0, 1.0
    while weights[-1] > heaviest * 1e-16 or n < agents:
        n += 1
        out = min(n, agents) * served + max(0, n - agents) * leaves
        weights.append(weights[-1] * arrivals / out)
        heaviest = max(heaviest, weights[-1])
        if heaviest > 1e200:
            weights = [w / heaviest for w in weights]
            heaviest = 1.0
    whole = math.fsum(weights)
    waiting = math.fsum(weights[agents:]) / whole
    queued = math.fsum((k - agents) * w for k, w in enumerate(weights) if k > agents) / whole
    busy = math.fsum(min(k, agents) * w for k, w in enumerate(weights)) / whole
    return Outlook(
        agents=agents,
        waiting=waiting,
        abandoning=queued * leaves / arrivals,
        wait=queued / arrivals,
        service_level=None,
        occupancy=busy / agents,
    )
