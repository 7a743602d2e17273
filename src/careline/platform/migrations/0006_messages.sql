-- Messages for providers and departments. A contact may leave several; each has its own state, owner and clock.

CREATE TABLE message (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  -- The contact it was taken on; null when it was written without a call.
  call_id uuid REFERENCES call (id),
  -- The inbox: exactly one of the two.
  department_id uuid,
  provider_id uuid,
  -- The person who has taken it on; null while it waits in the inbox.
  owner_id uuid,
  patient_id uuid,
  -- Level of verification of the caller when the message was taken.
  verified_level smallint NOT NULL DEFAULT 0,
  caller_name text NOT NULL,
  caller_role text NOT NULL,
  -- E.164, or null when the caller wants no call back.
  callback text CHECK (callback ~ '^\+[1-9][0-9]{3,14}$'),
  -- The number was read back to the caller digit by digit.
  callback_confirmed boolean NOT NULL DEFAULT false,
  voicemail_ok boolean NOT NULL DEFAULT false,
  language text NOT NULL DEFAULT 'en',
  reason text NOT NULL,
  body text NOT NULL,
  urgency text NOT NULL CHECK (urgency IN ('routine', 'urgent', 'critical')),
  state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'read', 'acknowledged', 'done')),
  -- When somebody must have acted; the running timer of the same instant is in `timer`.
  due_at timestamptz,
  overdue integer NOT NULL DEFAULT 0,
  taken_at timestamptz NOT NULL,
  taken_by uuid,
  done_at timestamptz,
  outcome text,
  -- Makes a repeated request harmless.
  key text,
  version integer NOT NULL DEFAULT 1,
  UNIQUE (tenant_id, key),
  CHECK ((department_id IS NULL) <> (provider_id IS NULL)),
  CHECK ((state = 'done') = (due_at IS NULL)),
  CHECK ((state = 'done') = (done_at IS NOT NULL)),
  FOREIGN KEY (tenant_id, department_id) REFERENCES department (tenant_id, id),
  FOREIGN KEY (tenant_id, provider_id) REFERENCES provider (tenant_id, id),
  FOREIGN KEY (tenant_id, owner_id) REFERENCES person (tenant_id, id),
  FOREIGN KEY (tenant_id, patient_id) REFERENCES patient (tenant_id, id),
  FOREIGN KEY (tenant_id, taken_by) REFERENCES person (tenant_id, id),
  UNIQUE (tenant_id, id)
);
CREATE INDEX message_call ON message (call_id);
CREATE INDEX message_patient ON message (patient_id, taken_at DESC);
CREATE INDEX message_department ON message (department_id, due_at) WHERE state <> 'done';
CREATE INDEX message_provider ON message (provider_id, due_at) WHERE state <> 'done';
CREATE INDEX message_owner ON message (owner_id, due_at) WHERE state <> 'done';
SELECT careline_tenant_table('message');

-- Everything that happened to a message, in order.
CREATE TABLE message_step (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  message_id uuid NOT NULL,
  -- taken, read, acknowledged, forwarded, replied, done, reopened, overdue
  kind text NOT NULL,
  at timestamptz NOT NULL,
  by_person uuid,
  by_name text NOT NULL,
  note text NOT NULL DEFAULT '',
  detail jsonb NOT NULL DEFAULT '{}',
  FOREIGN KEY (tenant_id, message_id) REFERENCES message (tenant_id, id),
  FOREIGN KEY (tenant_id, by_person) REFERENCES person (tenant_id, id)
);
CREATE INDEX message_step_message ON message_step (message_id, at);
SELECT careline_tenant_table('message_step');
