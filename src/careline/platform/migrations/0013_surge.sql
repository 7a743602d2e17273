-- The surge switch: while a row is open, the queue (or every queue) works by its surge rules.
CREATE TABLE surge (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  -- Null: every queue of the tenant.
  queue_id uuid REFERENCES queue (id),
  began_at timestamptz NOT NULL,
  began_by uuid REFERENCES person (id),
  -- When it ends by itself; null: when somebody ends it.
  until timestamptz,
  ended_at timestamptz,
  ended_by uuid REFERENCES person (id)
);
CREATE INDEX surge_on ON surge (tenant_id) WHERE ended_at IS NULL;
SELECT careline_tenant_table('surge');
