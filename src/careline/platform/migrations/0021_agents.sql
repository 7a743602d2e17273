-- What a restart of call control must not forget of a wrap-up, and codes that are chosen later.

ALTER TABLE agent_state
  -- Whether the wrap-up takes exactly its time: the code does not shorten it.
  ADD COLUMN wrap_up_forced boolean NOT NULL DEFAULT false;

-- Handlings of a person that have no code yet.
CREATE INDEX call_handling_without_code ON call_handling (tenant_id, person_id, left_at) WHERE wrap_up_code IS NULL;
