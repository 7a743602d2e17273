-- An emergency that needs somebody's eyes: nobody took the caller, or a message may be about one. Stands on the board
-- until a person acknowledges it.
CREATE TABLE emergency_alarm (
  tenant_id integer NOT NULL REFERENCES tenant (id),
  call_id uuid NOT NULL,
  -- A short code: nobody-signed-on, not-taken, nobody-reached, caller-left, voicemail.
  why text NOT NULL,
  raised_at timestamptz NOT NULL,
  acknowledged_at timestamptz,
  acknowledged_by uuid REFERENCES person (id),
  PRIMARY KEY (tenant_id, call_id, why)
);
CREATE INDEX emergency_alarm_on ON emergency_alarm (tenant_id, raised_at) WHERE acknowledged_at IS NULL;
SELECT careline_tenant_table('emergency_alarm');

-- The rule of the red-flag list that a voicemail matched, or `raised-by-caller`; null: none. Never which words.
ALTER TABLE message ADD COLUMN red_flag text;

-- Voice agents: switched off without being forgotten, hosts that sound may go to, and what went wrong lately.
ALTER TABLE voice_agent ADD COLUMN enabled boolean NOT NULL DEFAULT true;
CREATE TABLE voice_agent_host (
  tenant_id integer NOT NULL REFERENCES tenant (id),
  host text NOT NULL CHECK (host = lower(host) AND host <> ''),
  PRIMARY KEY (tenant_id, host)
);
SELECT careline_tenant_table('voice_agent_host');
-- Agents of before stay as they are: their hosts are allowed.
ALTER TABLE voice_agent_host NO FORCE ROW LEVEL SECURITY;
ALTER TABLE voice_agent NO FORCE ROW LEVEL SECURITY;
INSERT INTO voice_agent_host (tenant_id, host)
SELECT DISTINCT tenant_id, lower(split_part(split_part(split_part(url, '://', 2), '/', 1), ':', 1))
FROM voice_agent WHERE retired_at IS NULL AND split_part(url, '://', 2) NOT LIKE '[%';
ALTER TABLE voice_agent_host FORCE ROW LEVEL SECURITY;
ALTER TABLE voice_agent FORCE ROW LEVEL SECURITY;
CREATE TABLE voice_agent_failure (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  agent_id uuid NOT NULL REFERENCES voice_agent (id),
  -- The call it happened to; null for a test from the page.
  call_id uuid,
  at timestamptz NOT NULL,
  -- A short code: no-agreement, switched-off, host-not-allowed, unreachable, broke-off.
  why text NOT NULL
);
CREATE INDEX voice_agent_failure_at ON voice_agent_failure (tenant_id, agent_id, at DESC);
SELECT careline_tenant_table('voice_agent_failure');
