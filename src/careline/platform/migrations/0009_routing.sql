-- How a queue finds its agents: its routing rules, its members' places, and what an agent can do at once.

-- Strategy, requirement, rings, ageing, overflow and the rest, as `careline.queues.rules` reads them; what is not said
-- has its default there.
ALTER TABLE queue ADD COLUMN rules jsonb NOT NULL DEFAULT '{}';

ALTER TABLE queue_member
  -- Order of linear and round-robin strategies, smallest first.
  ADD COLUMN position integer NOT NULL DEFAULT 0,
  -- The team: 0 first; rings open the next ones.
  ADD COLUMN rank integer NOT NULL DEFAULT 0 CHECK (rank BETWEEN 0 AND 1000),
  -- Share of calls under weighted-random.
  ADD COLUMN weight real NOT NULL DEFAULT 1 CHECK (weight BETWEEN 0 AND 1000),
  -- 0: always; n: only while the reserve of level n is called on.
  ADD COLUMN reserve integer NOT NULL DEFAULT 0 CHECK (reserve BETWEEN 0 AND 9);

-- What holds for an agent whatever the queue; no row: the defaults of `careline.queues.model.Agent`.
CREATE TABLE agent_setting (
  person_id uuid PRIMARY KEY REFERENCES person (id),
  tenant_id integer NOT NULL REFERENCES tenant (id),
  -- Seniority under the strategy "level", the higher first.
  level integer NOT NULL DEFAULT 0 CHECK (level BETWEEN -1000 AND 1000),
  -- The agent's own wrap-up time; the queue's is the most. Null: the queue's.
  wrap_up_seconds integer CHECK (wrap_up_seconds BETWEEN 0 AND 3600),
  -- Channel -> how much of it at once.
  capacity jsonb NOT NULL DEFAULT '{}',
  -- Channel of work in hand -> channels whose work may come in beside it.
  interrupts jsonb NOT NULL DEFAULT '{}'
);
SELECT careline_tenant_table('agent_setting');
