-- Queues, the people who serve them, live agent state, and calls from ring to record.

CREATE TABLE queue (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  name text NOT NULL,
  -- Skills an agent must have, all of them: {"scheduling": 1} means proficiency of at least 1 on 0..100.
  skills jsonb NOT NULL DEFAULT '{}',
  -- Whether an agent must speak the caller's language.
  match_language boolean NOT NULL DEFAULT true,
  priority integer NOT NULL DEFAULT 0,
  ring_seconds integer NOT NULL DEFAULT 20 CHECK (ring_seconds BETWEEN 3 AND 120),
  wrap_up_seconds integer NOT NULL DEFAULT 120 CHECK (wrap_up_seconds BETWEEN 0 AND 3600),
  announce_seconds integer NOT NULL DEFAULT 45 CHECK (announce_seconds BETWEEN 10 AND 600),
  -- The threshold T of the service level, counted from entry into the queue.
  service_level_seconds integer NOT NULL DEFAULT 30,
  service_level_target numeric NOT NULL DEFAULT 0.8,
  -- Assumed handling time until enough calls of today have been measured.
  expected_handle_seconds integer NOT NULL DEFAULT 240,
  active boolean NOT NULL DEFAULT true,
  UNIQUE (tenant_id, name)
);
SELECT careline_tenant_table('queue');

CREATE TABLE queue_member (
  queue_id uuid NOT NULL REFERENCES queue (id),
  person_id uuid NOT NULL REFERENCES person (id),
  tenant_id integer NOT NULL REFERENCES tenant (id),
  PRIMARY KEY (queue_id, person_id)
);
CREATE INDEX queue_member_person ON queue_member (person_id);
SELECT careline_tenant_table('queue_member');

CREATE TABLE person_skill (
  person_id uuid NOT NULL REFERENCES person (id),
  tenant_id integer NOT NULL REFERENCES tenant (id),
  skill text NOT NULL,
  proficiency real NOT NULL DEFAULT 50 CHECK (proficiency BETWEEN 0 AND 100),
  PRIMARY KEY (person_id, skill)
);
SELECT careline_tenant_table('person_skill');

CREATE TABLE person_language (
  person_id uuid NOT NULL REFERENCES person (id),
  tenant_id integer NOT NULL REFERENCES tenant (id),
  -- BCP 47 primary language subtag.
  language text NOT NULL,
  PRIMARY KEY (person_id, language)
);
SELECT careline_tenant_table('person_language');

CREATE TABLE wrap_up_code (
  tenant_id integer NOT NULL REFERENCES tenant (id),
  code text NOT NULL,
  label_en text NOT NULL,
  label_es text NOT NULL,
  position integer NOT NULL DEFAULT 0,
  active boolean NOT NULL DEFAULT true,
  PRIMARY KEY (tenant_id, code)
);
SELECT careline_tenant_table('wrap_up_code');

-- A SIP telephone on somebody's desk; registers with user name and password.
CREATE TABLE desk_phone (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  person_id uuid NOT NULL REFERENCES person (id),
  label text NOT NULL,
  -- The SIP user, `d-…`; unique in the installation because the switch is shared.
  username text NOT NULL UNIQUE,
  -- Encrypted with the tenant's key (security.keys).
  password bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz
);
SELECT careline_tenant_table('desk_phone');

-- Live state of a person on the floor. Written only by call control; everyone else reads.
CREATE TABLE agent_state (
  person_id uuid PRIMARY KEY REFERENCES person (id),
  tenant_id integer NOT NULL REFERENCES tenant (id),
  status text NOT NULL DEFAULT 'offline',
  since timestamptz NOT NULL,
  reason text,
  -- The telephone in use: a softphone `s-…` or a desk phone `d-…`, and whether it can be reached.
  endpoint text,
  phone_online boolean NOT NULL DEFAULT false,
  idle_since timestamptz,
  call_id uuid,
  misses integer NOT NULL DEFAULT 0,
  wrap_up_until timestamptz,
  updated_at timestamptz NOT NULL DEFAULT now()
);
SELECT careline_tenant_table('agent_state');

-- One call, from ring to record. Written only by call control; a projection of its rows in `event`.
CREATE TABLE call (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  line_id uuid NOT NULL REFERENCES line (id),
  source text NOT NULL CHECK (source IN ('trunk', 'phone', 'web')),
  dialled text NOT NULL,
  -- E.164 when it could be normalised, the delivered text otherwise; null when withheld.
  caller text,
  caller_name text,
  language text NOT NULL DEFAULT 'en',
  -- arrived, flow, waiting, talking, voicemail, ended
  phase text NOT NULL,
  -- What the caller chose in the menu, as the flow names it: shown as the reason of the call.
  reason text,
  queue_id uuid REFERENCES queue (id),
  -- Entry into the present queue; the place in the queue counts from `place_at`, which a requeue keeps.
  queued_at timestamptz,
  place_at timestamptz,
  priority integer NOT NULL DEFAULT 0,
  offered_to uuid,
  agent_id uuid,
  held boolean NOT NULL DEFAULT false,
  muted boolean NOT NULL DEFAULT false,
  emergency boolean NOT NULL DEFAULT false,
  -- The other party of a running transfer or consultation, for the screen: {"mode","target","label","state"}.
  transfer jsonb,
  arrived_at timestamptz NOT NULL,
  answered_at timestamptz,
  -- First time an agent was connected.
  connected_at timestamptz,
  ended_at timestamptz,
  -- caller, agent, system
  ended_by text,
  -- handled, abandoned, voicemail, closed, left-menu, refused, failed, transferred
  outcome text,
  -- The caller's channel in the switch: how a restarted call control finds the call again.
  channel text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX call_open ON call (tenant_id) WHERE ended_at IS NULL;
CREATE INDEX call_arrived ON call (tenant_id, arrived_at DESC);
CREATE INDEX call_caller ON call (tenant_id, caller);
SELECT careline_tenant_table('call');

-- One row each time an agent is connected to a call: who handled it, for how long, how it was wrapped up.
CREATE TABLE call_handling (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  call_id uuid NOT NULL REFERENCES call (id),
  person_id uuid NOT NULL REFERENCES person (id),
  queue_id uuid REFERENCES queue (id),
  connected_at timestamptz NOT NULL,
  left_at timestamptz,
  wrapped_up_at timestamptz,
  wrap_up_code text
);
CREATE INDEX call_handling_call ON call_handling (call_id);
CREATE INDEX call_handling_person ON call_handling (person_id, connected_at DESC);
SELECT careline_tenant_table('call_handling');

-- The agent's notes on a call: the latest text; every saved version stays readable.
CREATE TABLE call_note (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  call_id uuid NOT NULL REFERENCES call (id),
  person_id uuid NOT NULL REFERENCES person (id),
  version integer NOT NULL,
  body text NOT NULL,
  saved_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (call_id, person_id, version)
);
SELECT careline_tenant_table('call_note');

-- Orders from pages and the API to call control. `key` makes a repeated order harmless.
CREATE TABLE control_command (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  person_id uuid,
  kind text NOT NULL,
  body jsonb NOT NULL,
  key text,
  given_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- given, done, refused
  state text NOT NULL DEFAULT 'given',
  result jsonb,
  done_at timestamptz,
  UNIQUE (tenant_id, key)
);
CREATE INDEX control_command_given ON control_command (tenant_id, given_at) WHERE state = 'given';
SELECT careline_tenant_table('control_command');
