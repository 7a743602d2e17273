-- The floor: several offers at once, what an agent asked for while busy, and what each agent has done today.

-- Everybody at whom a call rings just now; `offered_to` stays the first of them.
ALTER TABLE call ADD COLUMN ringing uuid[] NOT NULL DEFAULT '{}';

ALTER TABLE agent_state
  -- What the agent asked for while busy (away, offline), done when the work in hand ends; and why.
  ADD COLUMN wanted text,
  ADD COLUMN wanted_reason text,
  -- Calls answered and seconds talked since the agent signed on after a night's absence.
  ADD COLUMN calls_taken integer NOT NULL DEFAULT 0,
  ADD COLUMN talk_seconds double precision NOT NULL DEFAULT 0,
  ADD COLUMN last_inbound_end timestamptz,
  ADD COLUMN last_outbound_end timestamptz;

-- Who talked with a caller the last time: looked up at each arrival where a queue keeps callers for their agent.
CREATE INDEX call_by_caller ON call (tenant_id, caller, arrived_at DESC) WHERE caller IS NOT NULL;
