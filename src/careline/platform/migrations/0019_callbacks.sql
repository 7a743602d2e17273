-- Callbacks: an answering machine that an agent met is no handling of a caller, and the expected moment of a callback is
-- the floor's own estimate, the one that callers are told.

ALTER TABLE call_handling ADD COLUMN machine boolean NOT NULL DEFAULT false;

-- What was met before: tenant by tenant, as row-level security wants it.
DO $$
DECLARE one int;
BEGIN
  FOR one IN SELECT id FROM tenant LOOP
    PERFORM set_config('app.tenant', one::text, true);
    UPDATE call_handling h SET machine = true
    FROM event e
    WHERE e.stream = 'call' AND e.kind = 'agent_left' AND e.body ->> 'reason' = 'callback-machine'
      AND h.id = (e.body ->> 'handling_id')::uuid;
  END LOOP;
END $$;

-- Written by call control while a callback is in line; null: nobody is staffed, or its moment is still ahead.
ALTER TABLE call
  ADD COLUMN callback_place int,
  ADD COLUMN callback_expected_at timestamptz;
