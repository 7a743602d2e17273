"""The router against one that decides everything anew each time: any order of events, the same decisions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from careline.queues import strategies
from careline.queues.model import Agent, AgentStatus, Direct, Member, Preferred, Queue, Waiting
from careline.queues.router import Router
from careline.queues.rules import Ageing, ReserveLevel, Ring, Rules
from careline.testing.plain_router import PlainRouter

pytestmark = pytest.mark.unit

START = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
AGENTS = [UUID(int=n) for n in range(1, 6)]
CALLS = [UUID(int=n) for n in range(101, 109)]
QUEUES = [UUID(int=n) for n in range(201, 204)]

seconds = st.sampled_from([0, 5, 10, 20, 30, 60])
agents = st.sampled_from(AGENTS)
skills = st.dictionaries(st.sampled_from(["billing", "nurse"]), st.sampled_from([20.0, 80.0]))
requirements = st.sampled_from(
    ["", "", "billing >= 50", "nurse or billing", "not nurse", f"agent:{AGENTS[0]} or nurse"]
)
ring = st.builds(
    Ring,
    after_seconds=seconds,
    requirement=st.none() | requirements,
    drop=st.sampled_from([(), (), ("billing",), ("nurse",)]),
    agents=st.none() | st.frozensets(agents),
    max_rank=st.none() | st.integers(0, 1),
    language=st.none() | st.booleans(),
)
ring_lists = st.lists(ring, max_size=3, unique_by=lambda r: r.after_seconds).map(
    lambda rs: tuple(sorted(rs, key=lambda r: r.after_seconds))
)
rules = st.builds(
    Rules,
    strategy=st.sampled_from(strategies.names()),
    requirement=requirements,
    rings=st.just(()) | ring_lists,
    rings_frozen=st.booleans(),
    ageing=st.builds(
        Ageing,
        formula=st.sampled_from(["priority", "minutes", "seconds", "accelerated"]),
        acceleration=st.sampled_from([0.0, 0.5, 1.0, 3.0]),
        cap=st.none() | st.sampled_from([0.5, 1.0, 3.0]),
        since=st.sampled_from(["place", "arrival"]),
    ),
    max_wait=st.dictionaries(st.sampled_from(["routine", "clinical"]), st.sampled_from([10.0, 40.0])),
    weight=st.sampled_from([0, 0, 5]),
    reserve=st.just(())
    | st.just((ReserveLevel(wait_above=20, wait_below=10),))
    | st.just((ReserveLevel(wait_above=30, wait_below=20, waiting_above=1), ReserveLevel(waiting_above=3))),
    idle_reset_by_outbound=st.booleans(),
)
members = st.builds(
    Member,
    position=st.integers(0, 3),
    rank=st.integers(0, 2),
    weight=st.sampled_from([0.0, 1.0, 5.0]),
    reserve=st.sampled_from([0, 0, 1, 2]),
)


@st.composite
def queue(draw, queue_id):
    return Queue(
        id=queue_id,
        tenant_id=1,
        name="a queue",
        skills=draw(st.just({}) | skills),
        match_language=draw(st.booleans()),
        priority=draw(st.sampled_from([0, 0, 2])),
        members=frozenset(draw(st.sets(agents, max_size=5))),
        places=draw(st.just({}) | st.dictionaries(agents, members)),
        rules=draw(rules),
    )


class RouterMachine(RuleBasedStateMachine):
    """Agents, calls, rules and time do what they like."""

    def __init__(self):
        super().__init__()
        self.now = START
        self.real, self.plain = Router(), PlainRouter()
        self.queues: dict[UUID, Queue] = {}
        self.waiting: dict[UUID, Waiting] = {}
        self.people: dict[UUID, Agent] = {}

    def ago(self, wait):
        return self.now - timedelta(seconds=wait)

    @rule(data=st.data(), which=st.sampled_from(QUEUES))
    def configure(self, data, which):
        self.queues = {**self.queues, which: data.draw(queue(which))}
        self.real.configure(self.queues)
        self.plain.configure(self.queues)

    @rule(which=st.sampled_from(QUEUES))
    def close_queue(self, which):
        self.queues = {k: q for k, q in self.queues.items() if k != which}
        self.real.configure(self.queues)
        self.plain.configure(self.queues)

    @rule(
        who=agents,
        status=st.sampled_from([AgentStatus.AVAILABLE] * 4 + list(AgentStatus)),
        skills=skills,
        languages=st.sampled_from([frozenset({"en"}), frozenset({"en", "es"})]),
        idle=seconds,
        more=st.fixed_dictionaries(
            {},
            optional={
                "calls_taken": st.integers(0, 3),
                "talk_seconds": st.sampled_from([0.0, 10.0]),
                "level": st.integers(0, 2),
                "load": st.sampled_from([{}, {"message": 1}]),
                "capacity": st.just({"message": 2}),
                "interrupts": st.just({"message": frozenset({"voice"})}),
                "tenant_id": st.sampled_from([1, 1, 1, 2]),
                "phone_online": st.booleans(),
            },
        ),
        inbound=st.none() | seconds,
        outbound=st.none() | seconds,
    )
    def agent_does(self, who, status, skills, languages, idle, more, inbound, outbound):
        agent = Agent(
            **{"id": who, "tenant_id": 1, "name": "somebody", "phone_online": True, "endpoint": "s-1"}
            | {"status": status, "skills": skills, "languages": languages}
            | {"since": self.ago(idle), "idle_since": self.ago(idle)}
            | {"last_inbound_end": None if inbound is None else self.ago(inbound)}
            | {"last_outbound_end": None if outbound is None else self.ago(outbound)}
            | more
        )
        self.people[who] = agent
        self.real.put_agent(agent)
        self.plain.put_agent(agent)

    @rule(who=agents)
    def agent_frees_up(self, who):
        if who in self.people:
            self.agent_again(replace(self.people[who], status=AgentStatus.AVAILABLE, since=self.now))

    def agent_again(self, agent):
        self.people[agent.id] = agent
        self.real.put_agent(agent)
        self.plain.put_agent(agent)

    @rule(who=agents)
    def agent_is_gone(self, who):
        self.people.pop(who, None)
        self.real.drop_agent(who)
        self.plain.drop_agent(who)

    @rule(
        which=st.sampled_from(CALLS),
        queue_id=st.sampled_from(QUEUES),
        waited=seconds,
        arrived=seconds,
        language=st.sampled_from(["en", "en", "es"]),
        priority=st.sampled_from([0, 0, 1]),
        klass=st.sampled_from(["routine", "routine", "clinical", "emergency"]),
        channel=st.sampled_from(["voice", "voice", "callback", "message"]),
        requirement=requirements,
        excluded=st.just(frozenset()) | st.frozensets(agents, max_size=3),
        preferred=st.lists(
            st.tuples(agents, st.sampled_from([5, 30]), st.sampled_from([0.0, 1.0]), st.booleans()), max_size=2
        ),
        direct=st.none() | st.tuples(agents, st.sampled_from([5, 30]), st.none() | st.sampled_from(QUEUES)),
        more=st.fixed_dictionaries({}, optional={"scores": st.dictionaries(agents, st.sampled_from([0.0, 1.0]))}),
        later=st.none() | st.sampled_from([5, 30]),
        rings=st.none() | ring_lists,
        ringing=st.just(frozenset()) | st.just(frozenset()) | st.frozensets(agents, min_size=1, max_size=2),
    )
    def call_waits(
        self, which, queue_id, waited, arrived, language, priority, klass, channel, requirement, excluded, preferred,
        direct, more, later, rings, ringing,
    ):  # fmt: skip
        def then(after):
            return self.now + timedelta(seconds=after)

        call = Waiting(
            call_id=which,
            queue_id=queue_id,
            language=language,
            place_at=self.ago(waited),
            queued_at=self.ago(min(waited, 10)),
            arrived_at=self.ago(waited + arrived),
            priority=priority,
            klass=klass,
            channel=channel,
            requirement=requirement,
            excluded=excluded,
            preferred=tuple(Preferred(agent_id=a, until=then(s), score=v, member=m) for a, s, v, m in preferred),
            direct=Direct(agent_id=direct[0], until=then(direct[1]), then=direct[2]) if direct else None,
            not_before=then(later) if later else None,
            rings=rings,
            ringing=ringing,
            rung_at=self.now if ringing else None,
            ring_frozen_at=self.now if ringing else None,
            **more,
        )
        self.waiting[which] = call
        self.real.put_call(call)
        self.plain.put_call(call)

    @rule(which=st.sampled_from(CALLS))
    def call_comes_back(self, which):
        if which in self.waiting:
            self.real.put_call(self.waiting[which])
            self.plain.put_call(self.waiting[which])

    @rule(which=st.sampled_from(CALLS))
    def caller_leaves(self, which):
        self.waiting.pop(which, None)
        self.real.drop_call(which)
        self.plain.drop_call(which)

    @rule(by=st.sampled_from([0.25, 1, 5, 10, 30]))
    def time_passes(self, by):
        end = self.now + timedelta(seconds=by)
        # As call control does: woken at each moment the router has named, and not in between.
        while (wake := self.real.next_change(self.now)) and wake < end:
            assert wake > self.now
            middle = self.now + (wake - self.now) / 2
            if self.now < middle < wake:
                before = PlainRouter.__new__(PlainRouter)
                before.__dict__.update(
                    {k: v.copy() if isinstance(v, dict | set) else v for k, v in vars(self.plain).items()}
                )
                self.match(self.now)
                before.match(self.now)
                assert before.match(middle) == []
            self.match(wake)
        self.now = end

    @rule(limit=st.none() | st.integers(0, 2), why=st.booleans())
    def decide(self, limit, why):
        self.match(self.now, limit, why)

    def match(self, now, limit=None, why=False):
        self.now = now
        mine, plain = self.real.match(now, limit, why=why), self.plain.match(now, limit, why=why)
        assert mine == plain
        offered = [a for m in mine for a in m.agents]
        assert len(offered) == len(set(offered))

    @rule(which=st.sampled_from(CALLS))
    def ask(self, which):
        if which not in self.plain.calls:
            with pytest.raises(KeyError):
                self.real.explain(which, self.now)
            return
        assert self.real.explain(which, self.now) == self.plain.explain(which, self.now)
        if self.plain.calls[which].queue_id in self.queues:
            assert self.real.position(which, self.now) == self.plain.position(which, self.now)
            mine, plain = self.real.estimate(which, self.now), self.plain.estimate(which, self.now)
            assert mine == (None if plain is None else pytest.approx(plain))

    @invariant()
    def nobody_is_lost(self):
        assert set(self.real.calls) == set(self.plain.calls)


TestRouter = RouterMachine.TestCase
TestRouter.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
