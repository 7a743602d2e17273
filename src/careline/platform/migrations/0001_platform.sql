-- The ground everything stands on: tenants, events (history and outbox in one), timers, leases, follower positions.

CREATE TABLE tenant (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name text NOT NULL CHECK (name <> ''),
  -- The security boundary: an administrative tenant has no clinical service line at all.
  kind text NOT NULL DEFAULT 'administrative' CHECK (kind IN ('administrative', 'integrated')),
  zone text NOT NULL DEFAULT 'America/New_York',
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT, INSERT, UPDATE ON tenant TO careline_app;
GRANT SELECT ON tenant TO careline_relay;

-- Makes a table a tenant's own: forced row-level security, its policy, the default tenant, and the application's
-- rights. An unset app.tenant raises instead of showing nothing, so that a forgotten tenant is noticed.
CREATE FUNCTION careline_tenant_table(tbl regclass, privileges text DEFAULT 'SELECT, INSERT, UPDATE, DELETE')
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tbl);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tbl);
  EXECUTE format('ALTER TABLE %s ALTER COLUMN tenant_id SET DEFAULT current_setting(''app.tenant'')::int', tbl);
  EXECUTE format('CREATE POLICY tenant_only ON %s TO careline_app, careline_owner'
                 ' USING (tenant_id = current_setting(''app.tenant'')::int)'
                 ' WITH CHECK (tenant_id = current_setting(''app.tenant'')::int)', tbl);
  EXECUTE format('GRANT %s ON %s TO careline_app', privileges, tbl);
END $$;

-- Lets one function, and nothing else, look across tenants (which tenant has this number, this sign-in?).
-- The function becomes SECURITY DEFINER as careline_lookup, a role without login that may only read the given tables.
CREATE FUNCTION careline_lookup(fn regprocedure, VARIADIC tables regclass[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  tbl regclass;
BEGIN
  FOREACH tbl IN ARRAY tables LOOP
    EXECUTE format('GRANT SELECT ON %s TO careline_lookup', tbl);
    IF (SELECT relrowsecurity FROM pg_class WHERE oid = tbl) AND NOT EXISTS (
      SELECT FROM pg_policy WHERE polrelid = tbl AND polname = 'cross_tenant_lookup') THEN
      EXECUTE format('CREATE POLICY cross_tenant_lookup ON %s FOR SELECT TO careline_lookup USING (true)', tbl);
    END IF;
  END LOOP;
  EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER', fn);
  EXECUTE format('ALTER FUNCTION %s SET search_path = public, pg_temp', fn);
  EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', fn);
  EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO careline_app', fn);
  EXECUTE format('ALTER FUNCTION %s OWNER TO careline_lookup', fn);
END $$;

-- One row is at once history, outbox, statistics and the wallboard's source. Followers read in the order (xid, id),
-- never by id alone: ids are taken before commit and become visible out of order.
CREATE TABLE event (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  tenant_id integer NOT NULL REFERENCES tenant (id),
  stream text NOT NULL,
  stream_id uuid NOT NULL,
  kind text NOT NULL,
  body jsonb NOT NULL,
  person_id uuid
);
CREATE INDEX event_order ON event (xid, id);
CREATE INDEX event_stream ON event (tenant_id, stream, stream_id, id);
CREATE INDEX event_kind ON event (tenant_id, kind, at);
SELECT careline_tenant_table('event', 'SELECT, INSERT');
GRANT SELECT ON event TO careline_relay;
CREATE POLICY relay_reads ON event FOR SELECT TO careline_relay USING (true);

-- How far each durable follower has come.
CREATE TABLE outbox_cursor (
  name text PRIMARY KEY,
  xid xid8 NOT NULL,
  id bigint NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox_cursor TO careline_app, careline_relay;

-- Something that is due once. Claimed with SKIP LOCKED; the effect is in the claiming transaction.
CREATE TABLE timer (
  id uuid PRIMARY KEY,
  due timestamptz NOT NULL,
  kind text NOT NULL,
  ref uuid NOT NULL,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  body jsonb NOT NULL DEFAULT '{}',
  attempts integer NOT NULL DEFAULT 0
);
CREATE INDEX timer_due ON timer (due, id);
CREATE INDEX timer_ref ON timer (ref, kind);
GRANT SELECT, INSERT, UPDATE, DELETE ON timer TO careline_app;

-- Who is the one active holder of a job. The token grows with each change of holder and fences a stalled one out.
CREATE TABLE lease (
  name text PRIMARY KEY,
  holder text NOT NULL,
  token bigint NOT NULL,
  until timestamptz NOT NULL,
  -- The connection that keeps it: when that is gone, its holder is dead and nobody need wait for `until`.
  backend_pid integer NOT NULL,
  backend_start timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON lease TO careline_app, careline_relay;
