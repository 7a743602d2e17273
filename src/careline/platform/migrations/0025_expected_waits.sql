-- How long callers are expected to wait, by the floor's own estimate, for boards: call control writes what has changed.

CREATE TABLE expected_wait (
  queue_id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  -- Seconds of a caller who joins now; 0: somebody is free; null: nobody who suits is on the floor.
  seconds double precision,
  -- Seconds still to wait, by the id of each waiting call; null as above.
  calls jsonb NOT NULL DEFAULT '{}',
  FOREIGN KEY (tenant_id, queue_id) REFERENCES queue (tenant_id, id)
);
SELECT careline_tenant_table('expected_wait');
