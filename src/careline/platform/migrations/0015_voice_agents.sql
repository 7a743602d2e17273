-- Programs that talk with callers over a websocket, and the conversations in progress.
CREATE TABLE voice_agent (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  -- What flows call it.
  name text NOT NULL CHECK (name ~ '^[a-z][a-z0-9-]{0,39}$'),
  -- ws:// or wss://; the caller's sound goes there and nowhere else.
  url text NOT NULL,
  -- Sent when connecting, encrypted with the tenant's key (security.keys).
  secret bytea,
  -- A business associate agreement with whoever runs it (45 CFR 164.504(e)). Without one no sound is sent.
  baa_signed boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  retired_at timestamptz
);
CREATE UNIQUE INDEX voice_agent_name ON voice_agent (tenant_id, name) WHERE retired_at IS NULL;
SELECT careline_tenant_table('voice_agent');

-- One conversation. Holds what the agent asked for next until call control has taken it, and is deleted then.
CREATE TABLE voice_agent_session (
  ask_id text PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  call_id uuid NOT NULL,
  -- SHA-256 of the token that the agent got for this one conversation.
  token_hash bytea NOT NULL,
  until timestamptz NOT NULL,
  -- `next`, `person` or `hangup`, and values for the flow's variables, once the agent has asked.
  exit text,
  given jsonb
);
SELECT careline_tenant_table('voice_agent_session');
