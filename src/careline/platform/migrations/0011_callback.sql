-- Callbacks: the caller has hung up, and the call keeps its place. The call is the record; there is no second one.

ALTER TABLE call
  -- What was arranged, for the list and the screens: {"number", "verified", "mode", "stage", "since", "attempts",
  -- "next_at", "expires_at"}. Null for a call that never was one.
  ADD COLUMN callback jsonb,
  -- The later call of the same caller that took this one's place.
  ADD COLUMN merged_into uuid REFERENCES call (id) DEFERRABLE INITIALLY DEFERRED;

CREATE INDEX call_callback ON call (tenant_id, queue_id, place_at) WHERE phase = 'callback';
CREATE INDEX call_merged_into ON call (merged_into) WHERE merged_into IS NOT NULL;
