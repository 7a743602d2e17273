"""Indexes of the router: who suits which calls as bits, and calls in the order of their turn. Pure.

Every agent has a number; sets of agents are integers with one bit each. Calls that ask for the same are a `Group`: who
suits them is worked out once. Calls of a group whose standing moves alike with time are a `Bucket`, sorted for good;
the first of each bucket, sorted, make a `Lane`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias
from uuid import UUID

from careline.queues.model import Agent, Queue
from careline.queues.rings import Reach
from careline.queues.standing import suits
from careline.queues.strategies import Deal, Strategy

#: A call's place in its lane: what does not change with time, the start of its clock, its number.
Key: TypeAlias = tuple[int, int, int]
#: Tier, minus the weight, scored or not; then the slope.
LaneKey: TypeAlias = tuple[int, int, int, int]

ROOM = 64


def bits(mask: int) -> Iterator[int]:
    """The numbers in a set."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class People:
    """Agents by number, and the sets they belong to just now."""

    def __init__(self) -> None:
        self.number: dict[UUID, int] = {}
        self.agents: list[Agent | None] = []
        self.by_id: dict[UUID, Agent] = {}
        self._free: list[int] = []
        self.present = 0
        self.staffed = 0
        #: Channel -> who can be offered its work.
        self.ready: dict[str, int] = {"voice": 0}
        self.taken = 0

    @property
    def room(self) -> int:
        """How many numbers a group must have room for."""
        return -(-len(self.agents) // ROOM) * ROOM

    def enter(self, agent_id: UUID) -> int:
        """The number of an agent, new or known."""
        number = self.number.get(agent_id)
        if number is None:
            if self._free:
                number = self._free.pop()
            else:
                number = len(self.agents)
                self.agents.append(None)
            self.number[agent_id] = number
        return number

    def leave(self, agent_id: UUID) -> int:
        """Forget an agent; the number may be used again."""
        number = self.number.pop(agent_id)
        self.clear(number)
        self.agents[number] = None
        del self.by_id[agent_id]
        self.present &= ~(1 << number)
        self.staffed &= ~(1 << number)
        self.taken &= ~(1 << number)
        self._free.append(number)
        return number

    def known(self, agent_id: UUID) -> Agent | None:
        """The agent of an id."""
        return self.by_id.get(agent_id)

    def free(self) -> int:
        """Who can be offered something."""
        free = 0
        for ready in self.ready.values():
            free |= ready
        return free

    def clear(self, number: int) -> None:
        """The agent can be offered nothing."""
        off = ~(1 << number)
        for channel in self.ready:
            self.ready[channel] &= off

    def watch(self, channel: str) -> None:
        """Know who can take work of a channel."""
        if channel not in self.ready:
            self.ready[channel] = self.of(
                n for n, agent in enumerate(self.agents) if agent and not self.taken >> n & 1 and agent.takes(channel)
            )

    @staticmethod
    def of(numbers: Iterable[int]) -> int:
        """The set of these numbers."""
        mask = 0
        for number in numbers:
            mask |= 1 << number
        return mask


class Group:
    """Calls that ask for the same: one queue, one requirement, one channel, or the same named agents."""

    __slots__ = (
        "able",
        "anybody",
        "base",
        "buckets",
        "channel",
        "flags",
        "kept",
        "language",
        "mask",
        "queue",
        "reach",
        "ringed",
    )

    def __init__(
        self,
        queue: Queue,
        reach: Reach,
        channel: str,
        language: str,
        people: People,
        reserve_on: int = 0,
        kept: tuple[int, ...] | None = None,
    ) -> None:
        self.queue = queue
        self.language = language
        self.reach = reach
        self.channel = channel
        #: Numbers of the agents it is kept for, the first preferred.
        self.kept = kept
        #: Everybody who suits, and of them those whom the reserve does not hold back.
        self.able = 0
        self.mask = 0
        self.flags = bytearray(people.room)
        self.buckets: dict[LaneKey, Bucket] = {}
        #: Whom its calls may reach when they are kept for nobody.
        self.base: Group = self
        #: Whether its calls move on at once when nobody signed on suits them.
        self.ringed = False
        if kept is None:
            for member in queue.members:
                number = people.number.get(member)
                agent = people.agents[number] if number is not None else None
                if number is not None and agent is not None:
                    self.consider(number, agent, reserve_on)
        else:
            self.able = self.mask = people.of(kept)
            for number in kept:
                self.flags[number] = 1
        self.anybody = bool(self.able & people.present)

    def consider(self, number: int, agent: Agent | None, reserve_on: int) -> None:
        """Work out whether an agent suits."""
        if number >= len(self.flags):
            self.flags.extend(bytes(number + ROOM - len(self.flags)))
        bit, able, allowed = 1 << number, False, False
        if agent is not None:
            able = suits(agent, self.language, self.queue, self.reach) is None
            allowed = able and self.queue.place(agent.id).reserve <= reserve_on
        self.able = self.able | bit if able else self.able & ~bit
        self.mask = self.mask | bit if allowed else self.mask & ~bit
        self.flags[number] = allowed


class Bucket:
    """Calls of a group in the order of their turn, which time does not change."""

    __slots__ = ("group", "head", "keys", "lane", "serial")

    def __init__(self, group: Group, lane: Lane, serial: int) -> None:
        self.group = group
        self.lane = lane
        self.serial = serial
        self.keys: list[Key] = []
        self.head: tuple[int, int, int, int] | None = None

    def add(self, key: Key) -> None:
        """A call comes in."""
        insort(self.keys, key)
        if self.keys[0] is key:
            self._lead()

    def remove(self, key: Key) -> None:
        """A call goes."""
        at = bisect_left(self.keys, key)
        del self.keys[at]
        if at == 0:
            self._lead()

    def _lead(self) -> None:
        if self.group.kept is not None:
            return
        heads = self.lane.heads
        if self.head is not None:
            del heads[bisect_left(heads, self.head)]
        self.head = (*self.keys[0], self.serial) if self.keys else None
        if self.head is not None:
            insort(heads, self.head)


class Lane:
    """Buckets whose calls compare with each other without looking at the clock."""

    __slots__ = ("buckets", "heads", "key", "slope")

    def __init__(self, key: LaneKey) -> None:
        self.key = key
        self.slope = key[3]
        self.heads: list[tuple[int, int, int, int]] = []
        self.buckets: dict[int, Bucket] = {}


class Ordering:
    """Agents who can be offered something, kept in a strategy's order."""

    __slots__ = ("deal", "keys", "strategy", "turn")

    def __init__(self, strategy: Strategy, deal: Deal) -> None:
        self.strategy = strategy
        self.deal = deal
        self.turn: list[tuple[Any, int, int]] = []
        self.keys: dict[int, tuple[Any, int, int]] = {}

    def put(self, number: int, agent: Agent) -> None:
        """An agent comes, or changed."""
        if number in self.keys:
            self.drop(number)
        key = (self.strategy.key(agent, self.deal), agent.id.int, number)
        self.keys[number] = key
        insort(self.turn, key)

    def drop(self, number: int) -> None:
        """An agent goes."""
        key = self.keys.pop(number, None)
        if key is not None:
            del self.turn[bisect_left(self.turn, key)]

    def first(self, able: int) -> int:
        """The first of a set that is not empty and whose members are all here."""
        count = able.bit_count()
        if count * count < len(self.turn):
            keys = self.keys
            return min(keys[n] for n in bits(able))[2]
        return next(number for _, _, number in self.turn if able >> number & 1)
