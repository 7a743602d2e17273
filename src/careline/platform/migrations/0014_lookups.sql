-- Systems that flows may ask, and what a caller decided or raised while the call was in a flow.

CREATE TABLE lookup_endpoint (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  -- What flows call it.
  name text NOT NULL CHECK (name ~ '^[a-z][a-z0-9-]{0,39}$'),
  kind text NOT NULL CHECK (kind IN ('http', 'fhir')),
  -- Requests go below this address and nowhere else.
  base_url text NOT NULL,
  -- The header that carries the secret, and the secret, encrypted with the tenant's key (security.keys).
  header text,
  secret bytea,
  -- No look-up may wait longer than this, whatever a flow says.
  max_seconds integer NOT NULL DEFAULT 10 CHECK (max_seconds BETWEEN 1 AND 30),
  created_at timestamptz NOT NULL DEFAULT now(),
  retired_at timestamptz
);
CREATE UNIQUE INDEX lookup_endpoint_name ON lookup_endpoint (tenant_id, name) WHERE retired_at IS NULL;
SELECT careline_tenant_table('lookup_endpoint');

ALTER TABLE call
  -- `key` or `words` by the caller, `agent` by a person here.
  ADD COLUMN emergency_how text,
  -- What the caller answered to the question whether the call may be recorded; null: was not asked.
  ADD COLUMN consent boolean,
  -- What the flow noted for the agent: variables that it marks as shown.
  ADD COLUMN noted jsonb NOT NULL DEFAULT '{}';
